"""Projection domain shift: unseen classes are projected beside their class vectors."""

import numpy as np
from sklearn.linear_model import RidgeCV

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.data import ZeroShotTask
from zorse.evaluation import diagnose, hubness_skewness
from zorse.methods.compatibility.sae import SAE

CLAIM = "A projection learned on seen classes misses the class vectors of unseen ones by more."
BASELINE = "held-out samples of seen classes"
METRIC = (
    "distance of a class's mean projection from its class vector, of the length of class vectors, mean over classes"
)
TASKS = ("awa19", "tiny160", "digits")
NOTE = (
    "The projection is a ridge regression from unit features to class vectors, at most 100 training samples a class, "
    "its penalty chosen by leaving out training samples. The distance is in units of the mean length of class vectors "
    "after their mean is taken off. First run with SAE's encoder, whose codes are shorter than class vectors, so that "
    "all distances were about 1: +.131 [+.040, +.221]. Hubness is compared in DEM's claim. "
    "The features of awa19 and tiny160 come from a network trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Shift of unseen and of seen classes."""
    task = thinned(with_unit_features(task), per_class=100)
    (X, y), vectors = task.train, task.classes.vectors
    ridge = RidgeCV(10.0 ** np.arange(-3, 4)).fit(X, vectors[task.classes.rows(y)])
    found = diagnose(SAE().fit(X, y, classes=task.classes), task, project=ridge.predict)
    length = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1).mean()
    return found.shift_unseen / length, found.shift_seen / length


def compare() -> Agreement:
    """Skewness of how often a class is among the five nearest, by its three moments and full sorts."""
    task = load_task("procedural")
    X, y = task.train
    model = SAE().fit(X, y, classes=task.classes)
    scores = model.scores(task.test_unseen[0])
    counts = [0.0] * scores.shape[1]
    for row in scores:
        for j in sorted(range(len(row)), key=lambda j: -row[j])[:5]:
            counts[j] += 1
    mean = sum(counts) / len(counts)
    second, third = (sum((c - mean) ** p for c in counts) / len(counts) for p in (2, 3))
    difference = abs(third / second**1.5 - hubness_skewness(scores, 5))
    return Agreement("moments of sorted lists", "skewness of N_5 on the procedural task", difference, 1e-10)
