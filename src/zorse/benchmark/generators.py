"""Feature generators at a size that a claim can afford, all alike, so that the idea makes the difference."""

from __future__ import annotations

from typing import Any

from zorse.benchmark.tasks import thinned
from zorse.core import ZeroShotClassifier
from zorse.data import ZeroShotTask
from zorse.evaluation import harmonic_mean, mean_class_accuracy

SMALL: dict[str, Any] = {"hidden": 256, "lr": 2e-3, "classifier_batch_size": 32, "n_synthetic": 100}
TASKS = ("awa19", "digits", "procedural")
NOTE = (
    "Both at most 50 training samples a class, a width of 256, about 500 steps of a batch of 64 at a step size of 2e-3 "
    "(which did best for f-CLSWGAN on held-out training classes), 100 synthetic samples a class; all else is the "
    "paper's. The features of awa19 come from a network trained on ImageNet; procedural is made up."
)


def small_h(cls: type[ZeroShotClassifier], task: ZeroShotTask, seed: int, **params) -> float:
    """Harmonic mean of seen and unseen mean class accuracy of a small ``cls``; ``params`` beside :data:`SMALL`."""
    thin = thinned(task, per_class=50)
    model = cls(
        **SMALL | {"epochs": round(32_000 / len(thin.train_index)), "device": "cpu", "random_state": seed} | params
    )
    unlabelled = {"unlabelled": task.X[task.test_unseen_index]} if model.traits.needs_unlabelled else {}
    model = model.fit(*thin.train, classes=thin.classes, **unlabelled)
    return harmonic_mean(*(mean_class_accuracy(y, model.predict(X)) for X, y in (task.test_seen, task.test_unseen)))
