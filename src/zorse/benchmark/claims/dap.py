"""DAP against IAP."""

import numpy as np
from scipy.special import expit

from zorse.benchmark.claims.iap import tuned_iap
from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.dap import DAP

CLAIM = "Predicting attributes directly outperforms predicting them by way of the seen classes."
BASELINE = "IAP"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("awa19", "digits")
NOTE = (
    "No difference in either direction here; on the paper's own features IAP trails far behind. "
    "At most 50 training samples a class, features of unit length; C of both is chosen on held-out training classes. "
    "The features of awa19 come from a network that was trained on ImageNet, unseen classes included, where the paper "
    "takes histograms of local descriptors."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned alike on training classes."""
    task = thinned(with_unit_features(task), per_class=50)
    ours = tune(DAP(), {"C": [0.1, 1.0, 10.0]}, task, per_class=20)
    return accuracy_on_unseen(ours, task), accuracy_on_unseen(tuned_iap(task), task)


def compare() -> Agreement:
    """The paper's product as loops over the attribute classifiers."""
    task = load_task("digits")
    X, y = thinned(task, per_class=20).train
    model = DAP().fit(X, y, classes=task.classes)
    x, vectors = task.test_unseen[0][:30], task.classes.vectors
    seen = np.unique(task.classes.rows(y))
    has = vectors > vectors[seen].mean(axis=0)
    expected = np.zeros((len(x), len(vectors)))
    for i, p in enumerate(expit(x @ model.weights_ + model.intercept_)):
        for c in range(len(vectors)):
            for m, share in enumerate(has[seen].mean(axis=0)):
                if 0 < share < 1:
                    expected[i, c] += np.log(p[m] / share if has[c, m] else (1 - p[m]) / (1 - share))
    difference = float(np.abs(model.scores(x) - expected).max())
    return Agreement("the paper's product as loops", "log-scores of unseen digits", difference, 1e-8)
