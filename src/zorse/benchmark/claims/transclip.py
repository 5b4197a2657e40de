"""TransCLIP against CLIP's zero-shot classifier."""

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.core import ClassTable
from zorse.evaluation import mean_class_accuracy
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.transductive.transclip import TransCLIP
from zorse.semantics import class_table

CLAIM = "Labels of all images settled together are better than each image's zero-shot prediction."
BASELINE = "CLIP"
METRIC = "mean class accuracy, names and unlabelled images only"
TASKS = ("cifar10-photos", "caltech101-photos", "tiny-imagenet-photos")
SEEDS = 3
NOTE = (
    "The unlabelled images are the test images; CLIP's own templates, the paper's parameters, and the embedded "
    "model in place of CLIP. A seed draws half of the classes. Constants are those of the authors' guide."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both from the same texts."""
    task = task.draw(seed)
    table: ClassTable = class_table(np.unique(task.y), task.encoder, templates=task.templates, store=task.store)
    ours = TransCLIP().fit(None, None, classes=table, unlabelled=task.X)
    plain = CLIP().fit(None, None, classes=table)
    return mean_class_accuracy(task.y, ours.predict(task.X)), mean_class_accuracy(task.y, plain.predict(task.X))
