"""CapS-Adapter against SuS-X: captions in the keys."""

import numpy as np

from zorse.benchmark.memories import chosen, halves, photo_pool
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
    "images generated. A seed draws half of the classes; delta and the weights, of both methods, are chosen on 600 "
    "photographs of the other half. The embedded model in place of CLIP."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both from the same sentences and the same photographs."""
    task, other = halves(task, seed)
    pool, scale = photo_pool(task), task.encoder.logit_scale

    def accuracy(method, of: PhotoTask) -> float:
        table = class_table(np.unique(of.y), of.encoder, descriptions=of.descriptions, store=of.store)
        return mean_class_accuracy(of.y, method.fit(None, None, classes=table).predict(of.X))

    def tuned(method, **more: tuple) -> float:
        best = chosen(
            lambda weights: accuracy(method(pool, scale=scale, **weights), other),
            alpha=(0.1, 0.5, 2.0),
            gamma=(0.1, 0.5, 2.0),
            **more,
        )
        return accuracy(method(pool, scale=scale, **best), task)

    return tuned(CapSAdapter, delta=(0.2, 0.5, 0.8)), tuned(TipX)
