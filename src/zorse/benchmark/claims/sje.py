"""SJE over two output embeddings against the better one alone."""

from dataclasses import replace

import numpy as np

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.sje import SJE
from zorse.nn.vectors import unit_rows

CLAIM = "Output embeddings are complementary: two of them together do better than the better one alone."
BASELINE = "the better embedding alone"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("tiny160", "awa19")
SEEDS = 3
NOTE = (
    "On tiny160 the difference has the paper's sign and is within the spread of the splits. "
    "tiny160: word vectors of ConceptNet and of Wikipedia; awa19: continuous and binary attributes, of which the "
    "second say nothing that the first don't. Features of unit length, at most 25 training samples a class; the step "
    "is chosen on held-out training classes. Which embedding is the better one is read off the test classes, in the "
    "baseline's favour. The features come from a network that was trained on ImageNet, unseen classes included."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """All three tuned alike on training classes."""
    task = thinned(with_unit_features(task), per_class=25)
    table = task.classes
    assert table.views is not None
    alone = [tuned_sje(replace(task, classes=replace(table, vectors=v)), seed) for v in (table.vectors, *table.views)]
    return tuned_sje(task, seed, views=True), max(alone)


def tuned_sje(task: ZeroShotTask, seed: int, views: bool = False) -> float:
    """Accuracy on unseen classes of SJE whose step is chosen on held-out training classes."""
    model = SJE(views=views, epochs=20, random_state=seed, device="cpu")
    return accuracy_on_unseen(tune(model, {"lr": [1.0, 3.0, 10.0]}, task, folds=3, per_class=10), task)


def compare() -> Agreement:
    """The paper's update as a loop over samples, against one step of the model."""
    task = load_task("digits")
    X, y = (part[:200] for part in thinned(task, per_class=30).train)
    table, model = task.classes, SJE(epochs=0, lr=1.0, batch_size=len(X), random_state=0, device="cpu")
    start = model.fit(X, y, classes=table).weights_
    moved = model.set_params(epochs=1).fit(X, y, classes=table).weights_
    seen = np.unique(y)
    phi, theta, step = unit_rows(table.select(seen).vectors), unit_rows(X), np.zeros_like(start)
    for x, own in zip(theta, np.searchsorted(seen, y), strict=True):
        worst = max(range(len(phi)), key=lambda c: (c != own) + x @ start @ phi[c])
        step += np.outer(x, phi[own] - phi[worst]) / len(X)
    difference = float(np.abs(moved - start - step).max() / np.abs(step).max())
    return Agreement("the paper's update as loops", "a step of W on digits, relative to the largest", difference, 1e-4)
