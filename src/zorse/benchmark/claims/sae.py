"""SAE against the same map without a decoder."""

import numpy as np
from scipy.linalg import solve_sylvester

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.core import ClassTable
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.sae import SAE
from zorse.nn.vectors import cosine
from zorse.templates import BilinearClassifier

CLAIM = "Having to reconstruct the features makes a projection learned on seen classes do better on unseen ones."
BASELINE = "ridge regression to class vectors"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("awa19", "tiny160", "digits")
NOTE = (
    "Features of unit length; lam, the direction and the ridge penalty are chosen on held-out training classes. The "
    "features of awa19 and tiny160 come from a network that was trained on ImageNet, tiny160's unseen classes included."
)


class Encoder(BilinearClassifier):
    """Ridge regression from samples to class vectors, compared by cosine: SAE less its decoder."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        self.weights_ = np.linalg.solve(X.T @ X + self.alpha * np.eye(X.shape[1]), X.T @ table.vectors[rows])

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return cosine(X @ self.weights_, table.vectors)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned alike on training classes."""
    task = with_unit_features(task)
    ours = tune(SAE(), {"lam": [0.01, 0.1, 1.0, 10.0, 100.0], "direction": ["encode", "decode"]}, task, per_class=50)
    baseline = tune(Encoder(), {"alpha": [0.01, 0.1, 1.0, 10.0, 100.0]}, task, per_class=50)
    return accuracy_on_unseen(ours, task), accuracy_on_unseen(baseline, task)


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
