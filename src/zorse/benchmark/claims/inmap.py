"""InMaP against CLIP's zero-shot classifier."""

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.core import ClassTable
from zorse.evaluation import mean_class_accuracy
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.transductive.inmap import InMaP
from zorse.semantics import class_table

CLAIM = "Class vectors learned among unlabelled images classify them better than texts do."
BASELINE = "CLIP"
METRIC = "mean class accuracy, names and unlabelled images only"
TASKS = ("cifar10-photos", "caltech101-photos", "tiny-imagenet-photos")
SEEDS = 3
NOTE = (
    "The unlabelled images are the test images; CLIP's own templates, the paper's parameters, and the embedded "
    "model in place of CLIP. A seed draws half of the classes. Sinkhorn's uniform shares suit CIFAR-10 and Tiny- "
    "ImageNet; the classes of Caltech-101 are not equally frequent."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both from the same texts."""
    task = task.draw(seed)
    table: ClassTable = class_table(np.unique(task.y), task.encoder, templates=task.templates, store=task.store)
    ours = InMaP().fit(None, None, classes=table, unlabelled=task.X)
    plain = CLIP().fit(None, None, classes=table)
    return mean_class_accuracy(task.y, ours.predict(task.X)), mean_class_accuracy(task.y, plain.predict(task.X))
