"""Classes that come in tasks, asked about before and after they came: continual generalised zero-shot learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zorse.core import InputError
from zorse.training.validation import harmonic_mean, mean_class_accuracy


@dataclass(frozen=True, eq=False)
class TaskSequenceReport:
    """Mean class accuracies in [0, 1] after each task, answers being over the classes of all tasks.

    Attributes
    ----------
    seen : ndarray of shape (t,)
        Over the classes that have come.
    unseen : ndarray of shape (t,)
        Over those that have not; NaN after the last task.
    """

    seen: np.ndarray
    unseen: np.ndarray

    @property
    def harmonic(self) -> np.ndarray:
        """Harmonic mean of both, (t,); NaN after the last task."""
        pairs = zip(self.seen, self.unseen, strict=True)
        return np.array([np.nan if np.isnan(u) else harmonic_mean(s, u) for s, u in pairs])

    @property
    def mean_seen(self) -> float:
        """mSA: over all tasks."""
        return float(self.seen.mean())

    @property
    def mean_unseen(self) -> float:
        """mUA: over all tasks but the last."""
        return float(self.unseen[:-1].mean())

    @property
    def mean_harmonic(self) -> float:
        """mH: over all tasks but the last."""
        return float(self.harmonic[:-1].mean())

    def as_dict(self) -> dict[str, Any]:
        """What the literature reports, and the accuracies after each task."""
        means = {"mSA": self.mean_seen, "mUA": self.mean_unseen, "mH": self.mean_harmonic}
        return means | {"seen": self.seen.tolist(), "unseen": self.unseen[:-1].tolist()}

    def __str__(self) -> str:
        return f"mSA {self.mean_seen:.3f}  mUA {self.mean_unseen:.3f}  mH {self.mean_harmonic:.3f}"


def evaluate_tasks(learn: Callable[[int], Any], X, y, steps: Sequence[Any]) -> TaskSequenceReport:
    """Ask after each task about the classes that have come and about those that have not.

    Parameters
    ----------
    learn : callable (t) -> object with ``predict``
        Called once a task, in order; it learns task t and returns what then answers over the classes of all tasks.
    X : array-like of shape (n, d)
        Test samples of all tasks.
    y : array-like of shape (n,)
    steps : sequence of array-like of labels
        The classes that come in each task, such as :func:`~zorse.evaluation.class_steps` deals.

    Raises
    ------
    InputError
        If there are fewer than two tasks, or a class comes twice or has no test sample.

    Notes
    -----
    Accuracies are means over classes. Seen and unseen are both asked over all classes.
    """
    X, y, steps = np.asarray(X), np.asarray(y), [np.asarray(step) for step in steps]
    if len(steps) < 2:
        raise InputError(f"a sequence has at least two tasks; got {len(steps)}")
    labels, counts = np.unique(np.concatenate(steps), return_counts=True)
    if counts.max() > 1:
        raise InputError(f"class {labels[counts > 1][0]!s} comes twice")
    empty = np.setdiff1d(labels, y)
    if len(empty):
        raise InputError(f"class {empty[0]!s} has no test sample")
    kept = np.isin(y, labels)
    X, y = X[kept], y[kept]
    seen, unseen = np.full(len(steps), np.nan), np.full(len(steps), np.nan)
    for t in range(len(steps)):
        answer = np.asarray(learn(t).predict(X))
        came = np.isin(y, np.concatenate(steps[: t + 1]))
        seen[t] = mean_class_accuracy(y[came], answer[came])
        if not came.all():
            unseen[t] = mean_class_accuracy(y[~came], answer[~came])
    return TaskSequenceReport(seen, unseen)
