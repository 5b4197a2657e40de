"""EXEM against SynC."""

from itertools import product

import numpy as np
from sklearn.model_selection import GroupKFold

from zorse.benchmark.claims.sync import tuned_sync
from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, unseen_accuracy
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.exem import EXEM

CLAIM = "Predicting where a class lies among the features outperforms synthesising its classifier."
BASELINE = "SynC"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("tiny160", "awa19")
NOTE = (
    "EXEM with the paper's standardised nearest exemplar, SynC with the one-vs-other loss. Features of unit length, at "
    "most 25 training samples a class; sigma, alpha, SynC's sigma and lam are chosen on held-out training classes. The "
    "features come from a network that was trained on ImageNet, unseen classes included."
)
GRID = {"sigma": (0.7, 1.0, 1.4, 2.0), "alpha": (0.01, 0.03, 0.1, 0.3, 1.0)}


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned on training classes."""
    task = thinned(with_unit_features(task), per_class=25)
    return accuracy_on_unseen(tuned_exem(task), task), accuracy_on_unseen(tuned_sync(task), task)


def tuned_exem(task: ZeroShotTask, **params) -> EXEM:
    """EXEM with the grid's best on held-out training classes; one fit a fold serves the whole grid."""
    (X, y), cells = task.train, [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    total = np.zeros(len(cells))
    for train, test in GroupKFold(4).split(X, y, groups=y):
        model = EXEM().set_params(**params).fit(X[train], y[train], classes=task.classes)
        total += [unseen_accuracy(model.set_params(**cell), X[test], y[test]) for cell in cells]
    return EXEM().set_params(**params, **cells[int(total.argmax())]).fit(X, y, classes=task.classes)


def compare() -> Agreement:
    """Regression and distances as loops over classes and components."""
    task = load_task("digits")
    X, y = thinned(task, per_class=30).train
    model = EXEM(components=10, sigma=0.8, alpha=0.2).fit(X, y, classes=task.classes).with_candidates(task.unseen)
    unit = lambda v: v / np.linalg.norm(v)  # noqa: E731
    seen = [unit(v) for v in task.classes.select(np.unique(y)).vectors]
    placed = (X - model.center_) @ model.basis_
    means = np.array([placed[y == label].mean(axis=0) for label in np.unique(y)])
    K = np.array([[np.exp(-((a - b) ** 2).sum() / 0.8**2) for b in seen] for a in seen])
    coefficients = np.linalg.inv(K + 0.2 * np.eye(len(K))) @ (means - means.mean(axis=0))
    x, expected = task.test_unseen[0][:50], []
    for vector in task.classes.select(task.unseen).vectors:
        k = np.array([np.exp(-((unit(vector) - b) ** 2).sum() / 0.8**2) for b in seen])
        exemplar = means.mean(axis=0) + k @ coefficients
        expected.append(
            [-sum((p - m) ** 2 for p, m in zip(v, exemplar, strict=True)) for v in (x - model.center_) @ model.basis_]
        )
    difference = float(np.abs(model.scores(x) - np.array(expected).T).max())
    return Agreement("the paper's exemplars as loops", "scores of unseen digits", difference, 1e-8)
