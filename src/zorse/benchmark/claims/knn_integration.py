"""Neighbours beside a linear classifier, against the linear classifier."""

import numpy as np

from zorse.benchmark.tasks import resplit, thinned
from zorse.data import ZeroShotTask
from zorse.evaluation import mean_class_accuracy
from zorse.methods.memory.knn_integration import KNNIntegration

CLAIM = "A linear classifier is more accurate with the votes of nearest neighbours mixed in."
BASELINE = "softmax regression on the same features"
METRIC = "mean class accuracy over seen classes"
TASKS = ("digits", "awa19")
SEEDS = 3
NOTE = (
    "At most 30 training samples a class; temperature and weight are chosen on every fourth of them, the regression's "
    "penalty too, for both alike. A seed draws other seen classes. The features are those of a network that has been "
    "trained on ImageNet (awa19), or pixels (digits)."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both with what held-out training samples choose."""
    task = thinned(resplit(task, seed), 30)
    X, y = task.train
    held = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        held[np.flatnonzero(y == label)[::4]] = True

    def chosen(grid: list[dict]) -> KNNIntegration:
        scores = [KNNIntegration(**p).fit(X[~held], y[~held]).score(X[held], y[held]) for p in grid]
        return KNNIntegration(**grid[int(np.argmax(scores))]).fit(X, y)

    plain = chosen([{"weight": 0.0, "C": C} for C in (1.0, 10.0, 100.0)])
    C = plain.C
    ours = chosen([{"weight": w, "temperature": T, "C": C} for w in (0.1, 0.3, 0.5, 0.7) for T in (0.02, 0.1, 1.0)])
    Q, truth = task.test_seen
    return mean_class_accuracy(truth, ours.predict(Q)), mean_class_accuracy(truth, plain.predict(Q))
