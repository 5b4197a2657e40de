"""IAP against guessing."""

import numpy as np
from scipy.special import softmax

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.iap import IAP

CLAIM = "Classes without a training image are recognised far above chance by attributes that seen classes carry."
BASELINE = "chance"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("awa19", "digits")
NOTE = (
    "At most 50 training samples a class, features of unit length; C is chosen on held-out training classes. "
    "The features of awa19 come from a network that was trained on ImageNet, unseen classes included."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Accuracy, and that of guessing among the unseen classes."""
    task = thinned(with_unit_features(task), per_class=50)
    return accuracy_on_unseen(tuned_iap(task), task), 1 / len(task.unseen)


def tuned_iap(task: ZeroShotTask) -> IAP:
    """IAP with C chosen on held-out training classes."""
    return tune(IAP(), {"C": [1.0, 10.0, 100.0]}, task, per_class=20)


def compare() -> Agreement:
    """The paper's sum and product as loops."""
    task = load_task("digits")
    X, y = thinned(task, per_class=20).train
    model = IAP().fit(X, y, classes=task.classes)
    x, vectors = task.test_unseen[0][:30], task.classes.vectors
    seen = np.unique(task.classes.rows(y))
    has = vectors > vectors[seen].mean(axis=0)
    varies = [m for m in range(vectors.shape[1]) if 0 < has[seen, m].mean() < 1]
    expected = np.zeros((len(x), len(vectors)))
    for i, p in enumerate(softmax(x @ model.coef_.T + model.intercept_, axis=1)):
        for c in range(len(vectors)):
            for m in varies:
                same = sum(p[j] for j, s in enumerate(seen) if has[s, m] == has[c, m])
                expected[i, c] += np.log(max(same, 1e-12)) - np.log(np.mean(has[seen, m] == has[c, m]))
    difference = float(np.abs(model.scores(x) - expected).max())
    return Agreement("the paper's sum and product as loops", "log-scores of unseen digits", difference, 1e-8)
