"""Classes with many training images against classes with few."""

import numpy as np

from zorse.benchmark.tasks import with_unit_features
from zorse.data import ZeroShotTask
from zorse.evaluation import long_tail_report
from zorse.methods.compatibility.eszsl import ESZSL

CLAIM = "A classifier of a long-tailed world fails on the tail: accuracy falls with the number of training images."
BASELINE = "classes with 1 to 4 training images"
METRIC = "mean class accuracy; ours are the classes with 20 to 49"
TASKS = ("tiny160",)
NOTE = (
    "No data set with a natural tail is at hand: 120 Tiny-ImageNet classes keep 49 to 1 training images each, falling "
    "exponentially, in an order that the seed draws. Ridge regression to one-hot labels on MobileNet's features, which "
    "were trained on ImageNet-1k with as many images of every class."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Accuracy of the head and of the tail."""
    task, rng = with_unit_features(task), np.random.default_rng(seed)
    X, y = task.train
    order = rng.permutation(task.seen)
    most = np.round(49 ** np.linspace(1, 0, len(order))).astype(int)
    counts = dict(zip(order.tolist(), most.tolist(), strict=True))
    kept = np.concatenate([rng.permutation(np.flatnonzero(y == label))[:n] for label, n in counts.items()])
    model = ESZSL(gamma=0.1, negative=0).fit(X[kept], y[kept])
    report = long_tail_report(task.test_seen[1], model.predict(task.test_seen[0]), counts, edges=(0, 5, 20))
    tail, _, head = report.bins
    return head.accuracy, tail.accuracy
