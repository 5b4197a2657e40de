"""COSOC's concentrator against mean vectors of the same crops, where backgrounds are large."""

import numpy as np

from zorse.benchmark.photographs import embedded_model
from zorse.data import ZeroShotTask
from zorse.methods.adaptation.cosoc import COSOC
from zorse.nn.vectors import unit_rows

CLAIM = "From five shots in front of large backgrounds, what crops agree on classifies better than means of them all."
BASELINE = "nearest mean of the images' mean crops"
METRIC = "accuracy in 60 episodes of 5 classes, 5 shots and 10 images a class"
TASKS = ("tiny-scene-crops",)
SEEDS = 3
NOTE = (
    "Each image is a photograph of Tiny-ImageNet beside three of places; the embedded model sees 7 random crops of it, "
    "as in the paper but for mirroring, drawn once. A seed draws classes and shots. A first claim took averages of "
    "patches for crops: those that blend four photographs are all alike and agree best, and it lost by .049. Crops, "
    "their number and the baseline were fixed before the run on crops. In the same episodes vectors of whole scenes, "
    "the paper's baseline, reach .356, its concentrator .392, means of crops .397: looking at crops helps, choosing "
    "among them does not."
)


inputs = embedded_model


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both in the same episodes."""
    whole = unit_rows(task.X.mean(axis=(1, 2)))
    rng, right = np.random.default_rng(seed), np.zeros(2)
    for _ in range(60):
        classes = rng.choice(np.unique(task.y), 5, replace=False)
        drawn = [rng.choice(np.flatnonzero(task.y == label), 15, replace=False) for label in classes]
        shots, asked = np.concatenate([d[:5] for d in drawn]), np.concatenate([d[5:] for d in drawn])
        model = COSOC().fit(task.X[shots], task.y[shots])
        means = unit_rows(np.stack([whole[d[:5]].mean(axis=0) for d in drawn]))
        plain = classes[(whole[asked] @ means.T).argmax(axis=1)]
        right += [(model.predict(task.X[asked]) == task.y[asked]).mean(), (plain == task.y[asked]).mean()]
    return float(right[0] / 60), float(right[1] / 60)
