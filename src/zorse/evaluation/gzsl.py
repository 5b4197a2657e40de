"""The generalised zero-shot protocol: unseen classes alone, then all classes together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zorse.core import InputError, ZeroShotClassifier
from zorse.data import ZeroShotTask
from zorse.evaluation.seen_unseen import ausuc
from zorse.training.validation import harmonic_mean, mean_class_accuracy

__all__ = ["GZSLReport", "evaluate", "harmonic_mean"]


@dataclass(frozen=True)
class GZSLReport:
    """Top-1 accuracies averaged over classes, in [0, 1]. A part without test samples is NaN.

    Attributes
    ----------
    zsl : float
        Unseen samples among unseen candidates.
    unseen : float
        U: unseen samples among all candidates.
    seen : float
        S: held-out seen samples among all candidates.
    ausuc : float
        Area under the seen-unseen curve; it depends on no calibration.
    """

    zsl: float
    unseen: float
    seen: float
    ausuc: float

    @property
    def harmonic(self) -> float:
        """H = 2 S U / (S + U)."""
        return harmonic_mean(self.seen, self.unseen)

    def as_dict(self) -> dict[str, float]:
        """All five figures."""
        return {"zsl": self.zsl, "U": self.unseen, "S": self.seen, "H": self.harmonic, "AUSUC": self.ausuc}

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.3f}" for name, value in self.as_dict().items())


def evaluate(model: ZeroShotClassifier, task: ZeroShotTask) -> GZSLReport:
    """Score a fitted model on the test sets of ``task``; it is never told which sample is of which kind.

    Raises
    ------
    InputError
        If the task has no unseen test sample.
    """
    (X_seen, y_seen), (X_unseen, y_unseen) = task.test_seen, task.test_unseen
    if not len(y_unseen):
        raise InputError(f"task {task.name!r} has no unseen test samples")
    everything = model.with_candidates(task.classes)
    zsl = mean_class_accuracy(y_unseen, model.with_candidates(task.classes.select(task.unseen)).predict(X_unseen))
    scores_unseen = everything.scores(X_unseen)
    unseen = mean_class_accuracy(y_unseen, task.classes.labels[scores_unseen.argmax(axis=1)])
    if not len(y_seen):
        return GZSLReport(zsl, unseen, float("nan"), float("nan"))
    scores_seen = everything.scores(X_seen)
    seen = mean_class_accuracy(y_seen, task.classes.labels[scores_seen.argmax(axis=1)])
    scores = np.concatenate([scores_seen, scores_unseen])
    area = ausuc(scores, np.concatenate([y_seen, y_unseen]), task.classes, task.seen)
    return GZSLReport(zsl, unseen, seen, area)
