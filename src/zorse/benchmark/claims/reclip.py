"""ReCLIP's projection and propagation against CLIP's zero-shot classifier."""

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.evaluation import mean_class_accuracy
from zorse.methods.adaptation.reclip import ReCLIP
from zorse.methods.pretraining.clip import CLIP
from zorse.semantics import class_table

CLAIM = "Texts and the centroids of labels that spread from them classify better than texts alone."
BASELINE = "CLIP"
METRIC = "mean class accuracy, names and unlabelled images only"
TASKS = ("cifar10-photos", "caltech101-photos", "tiny-imagenet-photos")
SEEDS = 3
NOTE = (
    "The unlabelled images are the test images. The first part of the method, without self-training of encoders: what "
    "the released code answers before its first step. CLIP's own templates, and the embedded model in place of CLIP. A "
    "seed draws half of the classes; seed 0 takes all. Run first on the same images: the pseudo-labels themselves, "
    "spread along cosines cut at 0, as answers (-.056)."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both from the same texts."""
    task = task.draw(seed)
    table = class_table(np.unique(task.y), task.encoder, templates=task.templates, store=task.store)
    model = ReCLIP(scale=task.encoder.logit_scale)
    ours = model.fit(None, None, classes=table, unlabelled=task.X)
    plain = CLIP(task.encoder.logit_scale).fit(None, None, classes=table)
    return mean_class_accuracy(task.y, ours.predict(task.X)), mean_class_accuracy(task.y, plain.predict(task.X))
