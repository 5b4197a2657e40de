"""CapS-Adapter against SuS-X: captions in the keys."""

import numpy as np

from zorse.benchmark.memories import photo_pool
from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.evaluation import mean_class_accuracy
from zorse.methods.memory.caps_adapter import CapSAdapter
from zorse.methods.memory.tip_x import TipX
from zorse.semantics import class_table

CLAIM = "A support set of captions and the images that they call for classifies better than one of images alone."
BASELINE = "TIP-X"
METRIC = "mean class accuracy, names only"
TASKS = ("cifar10-photos", "caltech101-photos")
SEEDS = 3
NOTE = (
    "The captions are CuPL's published sentences, the images those of 4,500 training photographs of three sources, "
    "without labels, that are nearest to each caption; the paper has its captions written from sample images and its "
    "images generated. The lowest weights of the paper's grids and delta = .5, nothing tuned; the embedded model in "
    "place of CLIP. A seed draws half of the classes."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both from the same sentences and the same photographs."""
    task = task.draw(seed)
    names, told = np.unique(task.y), task.descriptions
    table = class_table(names, task.encoder, descriptions=told, store=task.store)
    pool, scale = photo_pool(task), task.encoder.logit_scale
    ours, plain = (method(pool, scale=scale).fit(None, None, classes=table) for method in (CapSAdapter, TipX))
    return mean_class_accuracy(task.y, ours.predict(task.X)), mean_class_accuracy(task.y, plain.predict(task.X))
