"""ICIS against the better of two other ways to do without images."""

import numpy as np
import torch

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import thinned, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.core import ClassTable
from zorse.data import ZeroShotTask
from zorse.evaluation import mean_class_accuracy
from zorse.methods.compatibility.conse import ConSE
from zorse.methods.compatibility.icis import ICIS
from zorse.training import softmax_regression

CLAIM = "Predicting classifiers with two auto-encoders outperforms other ways to add a class without an image."
BASELINE = "the better of ConSE and COSTA"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("tiny160", "awa19")
SEEDS = 3
C = 10.0
NOTE = (
    "All start from the same softmax regression (C=10) on features of unit length, 25 training samples a class. ConSE "
    "mixes all seen classes, COSTA weighs seen classifiers by the inner products of class vectors; which one is better "
    "is read off the test classes, in the baseline's favour. ICIS's length of training and learning rate are chosen on "
    "held-out training classes, codes have length 512. The features come from a network that was trained on ImageNet, "
    "unseen classes included."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """ICIS tuned on training classes; the others have nothing to tune."""
    task = thinned(with_unit_features(task), per_class=25)
    model = ICIS(C=C, latent=512, tolerance=0.0, random_state=seed, device="cpu")
    ours = tune(model, {"epochs": [30, 60], "lr": [1e-4, 3e-4]}, task, folds=3, per_class=10)
    conse = ConSE(top=10_000, C=C).fit(*task.train, classes=task.classes)
    return accuracy_on_unseen(ours, task), max(accuracy_on_unseen(conse, task), _costa(task))


def _costa(task: ZeroShotTask) -> float:
    """Seen classifiers weighed by how much their class vectors agree."""
    (X, y), (x, truth) = task.train, task.test_unseen
    coef, intercept = softmax_regression(X, np.searchsorted(task.seen, y), C)
    likeness = task.classes.select(task.unseen).vectors @ task.classes.select(task.seen).vectors.T
    share = likeness / likeness.sum(axis=1, keepdims=True)
    scores = x @ (share @ coef).T + share @ intercept
    return mean_class_accuracy(truth, task.unseen[scores.argmax(axis=1)])


def compare() -> Agreement:
    """The objective as loops over classes, at the start of training."""
    rng = np.random.RandomState(0)
    table = ClassTable(np.arange(7), rng.randn(7, 4))
    coef, intercept = rng.randn(5, 6), rng.randn(5)
    model = ICIS(latent=8, epochs=0, tolerance=0.0, batch_size=7, random_state=0, device="cpu")
    nets = model.fit_weights(coef, intercept, np.arange(5), table).networks_.double()

    def unlike(u, v):
        return 1 - float(u @ v) / float(u.norm() * v.norm())

    expected = 0.0
    for c, vector in enumerate(table.vectors):
        a = torch.tensor(vector)
        expected += unlike(a, nets["decode_class"](nets["encode_class"](a))) / 7
        if c < 5:
            w = torch.tensor(np.append(coef[c], intercept[c]))
            expected += unlike(a, nets["decode_class"](nets["encode_weights"](w))) / 5
            expected += unlike(w, nets["decode_weights"](nets["encode_weights"](w))) / 5
            expected += unlike(w, nets["decode_weights"](nets["encode_class"](a))) / 5
    model.set_params(epochs=1, lr=1e-12).fit_weights(coef, intercept, np.arange(5), table)
    difference = abs(model.history_[0]["loss"] - expected)
    return Agreement("the paper's objective as loops", "loss before the first step", difference, 1e-5)
