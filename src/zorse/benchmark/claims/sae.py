"""SAE against the same map without a decoder."""

import numpy as np
from scipy.linalg import solve_sylvester
from sklearn.model_selection import GroupKFold

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen
from zorse.core import ClassTable
from zorse.data import ZeroShotTask
from zorse.evaluation import mean_class_accuracy
from zorse.methods.compatibility.sae import SAE, sae_path
from zorse.nn.vectors import cosine

CLAIM = "Having to reconstruct the features makes a projection learned on seen classes do better on unseen ones."
BASELINE = "ridge regression to class vectors"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("awa19", "tiny160", "digits")
NOTE = (
    "It holds with many seen classes (tiny160: 120), not with few (awa19: 14, digits: 7). "
    "Features of unit length, at most 100 training samples a class; lam, the direction and the ridge penalty are "
    "chosen on held-out training classes. The features of awa19 and tiny160 come from a network that was trained on "
    "ImageNet, tiny160's unseen classes included."
)


LAMS = (0.01, 0.1, 1.0, 10.0, 100.0)  # of SAE, and of the ridge


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned alike on training classes."""
    task = thinned(with_unit_features(task), per_class=100)
    lam, direction = _best(task, lambda X, rows: sae_path(X, rows, task.classes, LAMS), ("encode", "decode"))
    ours = SAE(lam, direction).fit(*task.train, classes=task.classes)
    alpha, _ = _best(task, lambda X, rows: _ridges(X, rows, task.classes, LAMS), ("encode",))
    X, y = task.train
    baseline = _ridges(X, task.classes.rows(y), task.classes, [alpha])[0]
    (X_test, y_test), unseen = task.test_unseen, task.classes.select(task.unseen)
    scores = cosine(X_test @ baseline, unseen.vectors)
    return accuracy_on_unseen(ours, task), mean_class_accuracy(y_test, unseen.labels[scores.argmax(axis=1)])


def _ridges(X: np.ndarray, rows: np.ndarray, table: ClassTable, alphas) -> list[np.ndarray]:
    """Ridge regression from samples to class vectors: SAE less its decoder."""
    b, V = np.linalg.eigh(X.T @ X)
    core = V.T @ (X.T @ table.vectors[rows])
    return [V @ (core / (b + alpha)[:, None]) for alpha in alphas]


def _best(task: ZeroShotTask, path, directions: tuple) -> tuple:
    """The weight and direction that do best on held-out training classes."""
    X, y = task.train
    total = np.zeros((len(LAMS), len(directions)))
    for train, test in GroupKFold(4).split(X, y, groups=y):
        held_out = task.classes.select(np.unique(y[test]))
        for i, weights in enumerate(path(X[train], task.classes.rows(y[train]))):
            for j, direction in enumerate(directions):
                encode = direction == "encode"
                pair = (X[test] @ weights, held_out.vectors) if encode else (X[test], held_out.vectors @ weights.T)
                total[i, j] += mean_class_accuracy(y[test], held_out.labels[cosine(*pair).argmax(axis=1)])
    lam, direction = np.unravel_index(total.argmax(), total.shape)
    return LAMS[lam], directions[direction]


def compare() -> Agreement:
    """Scipy's Bartels-Stewart solver on the paper's Sylvester equation."""
    task = load_task("digits")
    X, y = task.train
    X = X[:, X.any(axis=0)]  # it needs both sides to be regular
    S, lam = task.classes.vectors[task.classes.rows(y)], 0.2
    W = solve_sylvester(S.T @ S, lam * X.T @ X, (1 + lam) * S.T @ X)
    ours = SAE(lam).fit(X, y, classes=task.classes).weights_.T
    difference = np.abs(X @ ours.T - X @ W.T).max()
    return Agreement("scipy.linalg.solve_sylvester", "codes of the training digits", float(difference), 1e-6)
