"""SSE against ESZSL."""

import numpy as np
from scipy.optimize import minimize

from zorse.benchmark.claims.eszsl import tuned_eszsl
from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.sse import SSE
from zorse.nn.vectors import unit_rows

CLAIM = "Mixtures of seen classes as the meeting point of samples and classes outperform a bilinear map."
BASELINE = "ESZSL"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("awa19", "tiny160")
SEEDS = 3
NOTE = (
    "Features of unit length, 10 training samples a class for both; gamma and the embedding (intersection or relu), "
    "and ESZSL's penalties (with labels 0 and 1), are chosen on held-out training classes. The features come from a "
    "network that was trained on ImageNet, unseen classes included."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned on training classes."""
    task = thinned(with_unit_features(task), per_class=10)
    model = SSE(epochs=5, batch_size=32, random_state=seed, device="cpu")
    ours = tune(model, {"gamma": [0.03, 0.3], "embedding": ["intersection", "relu"]}, task, folds=3, per_class=5)
    return accuracy_on_unseen(ours, task), accuracy_on_unseen(tuned_eszsl(task, negative=0.0), task)


def compare() -> Agreement:
    """The proportions by a general solver, one class at a time."""
    task = load_task("digits")
    X, y = thinned(task, per_class=10).train
    model = SSE(epochs=1, random_state=0, device="cpu").fit(X, y, classes=task.classes)
    parts, differences = model.seen_vectors_, []
    for target, z in zip(unit_rows(task.classes.vectors), model.proportions_, strict=True):
        best = minimize(
            lambda q, t=target: ((t - q @ parts) ** 2).sum() + model.gamma * (q**2).sum(),
            np.full(len(parts), 1 / len(parts)),
            bounds=[(0, 1)] * len(parts),
            constraints={"type": "eq", "fun": lambda q: q.sum() - 1},
            method="SLSQP",
            tol=1e-15,
        )
        differences.append(float(np.abs(best.x - z).max()))
    return Agreement("scipy's SLSQP", "proportions of all digits", max(differences), 1e-5)
