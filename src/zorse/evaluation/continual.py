"""Classes that come in steps: how well old and new ones are told apart after each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from zorse.core import InputError, Paper, ZeroShotClassifier, implements


@dataclass(frozen=True, eq=False)
class ContinualReport:
    """Accuracies in [0, 1] after each step, over the test samples of all classes so far.

    Attributes
    ----------
    accuracy : ndarray of shape (t,)
        Share of these samples that are right.
    per_step : ndarray of shape (t, t)
        Row i, column j: after step i, the share that is right of the samples whose classes came in step j; NaN before.
    """

    accuracy: np.ndarray
    per_step: np.ndarray

    @property
    def average(self) -> float:
        """Average incremental accuracy: the mean of ``accuracy``."""
        return float(self.accuracy.mean())

    @property
    def last(self) -> float:
        """Accuracy after the last step, over all classes."""
        return float(self.accuracy[-1])

    @property
    def forgetting(self) -> float:
        """How much of its best accuracy before the last step each earlier step's classes lost; 0 for one step."""
        if len(self.accuracy) == 1:
            return 0.0
        return float(np.mean(np.nanmax(self.per_step[:-1, :-1], axis=0) - self.per_step[-1, :-1]))

    def as_dict(self) -> dict[str, Any]:
        """What the literature reports, and the accuracy after each step."""
        return {
            "average": self.average,
            "last": self.last,
            "forgetting": self.forgetting,
            "accuracy": self.accuracy.tolist(),
        }

    def __str__(self) -> str:
        return f"average {self.average:.3f}  last {self.last:.3f}  forgetting {self.forgetting:.3f}"


def class_steps(labels, increment: int, initial: int = 0, random_state=None) -> list[np.ndarray]:
    """Deal labels into steps: ``initial`` in the first (or ``increment``, if 0), ``increment`` in each further one.

    Parameters
    ----------
    labels : array-like of shape (c,)
        In the order in which they come.
    increment : int
        At least 1; the last step may have fewer.
    initial : int, default=0
        As in "50-5": half of 100 classes first, then 5 at a time.
    random_state : int, RandomState or None
        Shuffles the labels first; None keeps their order.
    """
    labels = np.asarray(labels)
    if increment < 1 or not 0 <= initial <= len(labels) or not len(labels):
        raise InputError(f"cannot deal {len(labels)} classes into steps of {increment} after the first {initial}")
    if random_state is not None:
        labels = check_random_state(random_state).permutation(labels)
    first = initial or increment
    return np.split(labels, range(first, len(labels), increment)) if first < len(labels) else [labels]


@implements(
    Paper(
        title="CLIP model is an Efficient Continual Learner",
        authors="Vishal Thengane, Salman Khan, Munawar Hayat, Fahad Khan",
        venue="arXiv",
        year=2022,
        url="https://arxiv.org/abs/2210.03114",
        aka=("Continual-CLIP",),
        seed=156,
    )
)
def evaluate_continual(
    model: ZeroShotClassifier | Callable[[int, np.ndarray], Any], X, y, steps: Sequence[Any]
) -> ContinualReport:
    """Continual zero-shot protocol: the class list grows step by step, and nothing is trained.

    Parameters
    ----------
    model : fitted ZeroShotClassifier or callable
        A classifier whose candidates hold every class; it answers over those that have come so far. To compare with a
        method that does learn, a callable: given the number of the step and all labels so far, it returns an object
        with ``predict(X)``. It is called once a step, in order.
    X : array-like of shape (n, d)
        Test samples.
    y : array-like of shape (n,)
        Their labels; each is in one of the steps.
    steps : sequence of array-like of labels
        The classes that come in each, such as :func:`class_steps` deals.

    Returns
    -------
    ContinualReport

    Raises
    ------
    InputError
        If a class comes twice, a label in none of the steps, or a step has no test sample.

    Notes
    -----
    Differs from the paper: in nothing for class-incremental tasks; its prompts are the class table's matter. Its
    domain-incremental test (CORe50) is the ordinary accuracy, as the class list does not grow.

    Forgetting is measured though nothing is learned: an old class is confused with more classes as the list grows.

    Cost: one scoring of all classes, or a scoring a step for methods whose scores depend on the candidates.

    References
    ----------
    Thengane, Khan, Hayat and Khan, "CLIP model is an efficient continual learner", arXiv 2210.03114.
    """
    X, y, steps = np.asarray(X), np.asarray(y), [np.asarray(step) for step in steps]
    if not len(steps) or not all(len(step) for step in steps):
        raise InputError("expected at least one step, and a class in each")
    order = np.concatenate(steps)
    labels, counts = np.unique(order, return_counts=True)
    if counts.max() > 1:
        raise InputError(f"class {labels[counts > 1][0]!s} comes twice")
    stray = np.setdiff1d(y, order)
    if len(stray):
        raise InputError(f"test label {stray[0]!s} is in none of the steps")
    came = np.empty(len(y), dtype=int)
    for t, step in enumerate(steps):
        came[np.isin(y, step)] = t
        if not (came[np.isin(y, step)].size):
            raise InputError(f"step {t} has no test sample; its classes are {', '.join(map(str, step[:5]))}")
    answer = _answers(model, X, order, steps)
    accuracy, per_step = np.empty(len(steps)), np.full((len(steps), len(steps)), np.nan)
    for t in range(len(steps)):
        of_old = came <= t
        right = answer(t, of_old) == y[of_old]
        accuracy[t] = right.mean()
        n = np.bincount(came[of_old], minlength=len(steps))[: t + 1]
        per_step[t, : t + 1] = np.bincount(came[of_old], weights=right, minlength=len(steps))[: t + 1] / n
    return ContinualReport(accuracy, per_step)


def _answers(model, X: np.ndarray, order: np.ndarray, steps: list[np.ndarray]) -> Callable[[int, np.ndarray], Any]:
    """A function of the step and of which samples, that returns their predicted labels."""
    so_far = np.cumsum([len(step) for step in steps])
    if not isinstance(model, ZeroShotClassifier):
        return lambda t, which: np.asarray(model(t, order[: so_far[t]]).predict(X[which]))
    if not model.traits.open_candidates:
        return lambda t, which: model.with_candidates(order[: so_far[t]]).predict(X[which])
    scores = model.with_candidates(order).scores(X)
    return lambda t, which: order[scores[which][:, : so_far[t]].argmax(axis=1)]
