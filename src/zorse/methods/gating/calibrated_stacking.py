"""Calibrated stacking: seen classes pay a constant, so that unseen ones get a chance."""

from __future__ import annotations

from copy import copy
from typing import Literal, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from zorse.core import ClassTable, InputError, Paper, ZeroShotClassifier
from zorse.templates import RidgeToVectors, WrapperClassifier
from zorse.training.unlabelled import dividing_point
from zorse.training.validation import SeenUnseenCurve, contest, seen_unseen_curve


class CalibratedStacking(WrapperClassifier):
    r"""Predict argmax_c f_c(x) - gamma [c is seen], for the scores f of any zero-shot classifier.

    Parameters
    ----------
    estimator : ZeroShotClassifier
        The method to correct.
    gamma : float or "auto", default="auto"
        Taken from the scores of seen classes, in their units; "auto" finds it by cross-validation over classes. A model
        fitted with either can be :meth:`recalibrated` on samples without labels.
    folds : int, default=5
        For "auto": the seen classes are dealt into so many groups, each of which plays unseen once. At least 2; with
        fewer seen classes than folds, each class is a group.
    held_out : float, default=0.2
        For "auto": part of the samples of every class playing seen that is kept for testing, in (0, 1).
    random_state : int, RandomState or None
        Of the deal, for "auto".

    Attributes
    ----------
    estimator_ : ZeroShotClassifier
        Fitted on all samples.
    gamma_ : float
        The penalty in use.

    Raises
    ------
    InputError
        If "auto" has only one seen class, or no class with a sample to spare.

    Notes
    -----
    Where no class can be held out, as of a model that only its scores are known of, :func:`unlabelled_penalty` finds a
    gamma from unlabelled samples of both kinds.

    Differs from the paper: it sweeps gamma and reports the whole curve (:func:`zorse.evaluation.seen_unseen_curve`);
    to answer with one value, "auto" maximises the harmonic mean of both accuracies, averaged over classes and then
    over folds. Every value is tried, as the average changes only at the samples' own margins.

    Cost: with "auto" ``folds`` more fits of the estimator and O(n c + n log n) a fold; nothing besides the estimator's
    own scoring afterwards.

    References
    ----------
    Chao, Changpinyo, Gong and Sha, "An empirical study and analysis of generalized zero-shot learning for object
    recognition in the wild", ECCV 2016.
    """

    paper = Paper(
        title="An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object Recognition in the Wild",
        authors="Wei-Lun Chao, Soravit Changpinyo, Boqing Gong, Fei Sha",
        venue="ECCV",
        year=2016,
        url="https://arxiv.org/abs/1605.04253",
        aka=("calibrated stacking", "CS"),
        seed=37,
    )

    def __init__(
        self,
        estimator: ZeroShotClassifier | None = None,
        gamma: float | str = "auto",
        folds: int = 5,
        held_out: float = 0.2,
        random_state=None,
    ):
        self.estimator = estimator
        self.gamma = gamma
        self.folds = folds
        self.held_out = held_out
        self.random_state = random_state

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        super()._fit(X, rows, table)
        self.gamma_ = self._chosen(X, table.labels[rows], table) if self.gamma == "auto" else float(self.gamma)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.estimator_.scores(X) - self.gamma_ * np.isin(table.labels, self.seen_)

    def recalibrated(self, X, by: Literal["tails", "mean", "mixture"] | float = "tails") -> Self:
        """The same model with the ``gamma_`` that :func:`unlabelled_penalty` finds on unlabelled samples X (n, d)."""
        scores, seen = self.scores(X), np.isin(self.classes_, self.seen_)
        again = copy(self)
        again.gamma_ = self.gamma_ + unlabelled_penalty(scores, seen, by)
        return again

    def _chosen(self, X: np.ndarray, y: np.ndarray, table: ClassTable) -> float:
        seen = np.unique(y)
        if len(seen) < 2:
            raise InputError(f"gamma='auto' needs at least two seen classes; got {seen[0]!s} alone; pass a number")
        rng = check_random_state(self.random_state)
        known, curves = table.select(seen), []
        for pseudo_unseen in np.array_split(rng.permutation(seen), min(self.folds, len(seen))):
            test = np.isin(y, pseudo_unseen)
            for label in np.setdiff1d(seen, pseudo_unseen):
                own = rng.permutation(np.flatnonzero(y == label))
                test[own[: min(len(own) - 1, max(1, round(self.held_out * len(own))))]] = True
            model = clone(self.estimator).fit(X[~test], y[~test], classes=known)
            curves.append(seen_unseen_curve(model.scores(X[test]), known.rows(y[test]), ~np.isin(seen, pseudo_unseen)))
        return best_penalty(curves)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Given and chosen, over ridge regression to class vectors."""
        return [{"estimator": RidgeToVectors(), "gamma": 0.1}, {"estimator": RidgeToVectors(), "random_state": 0}]


def unlabelled_penalty(
    scores: np.ndarray, seen: np.ndarray, by: Literal["tails", "mean", "mixture"] | float = "tails"
) -> float:
    """The gamma at which unlabelled samples of both kinds part, from scores (n, c) and which columns are ``seen``.

    It is the :func:`~zorse.training.unlabelled.dividing_point` of best seen minus best unseen score. Scores should be
    logits or log-probabilities. ``by`` says how the point is found: "tails" has come closest to the best gamma on
    scores of other models (docs/decisions/0028); a number is the share of unseen samples, where it is known.

    Raises
    ------
    InputError
        If columns of one kind are missing.
    """
    seen = np.asarray(seen)
    if seen.all() or not seen.any():
        raise InputError("a penalty needs candidates of both kinds, seen and unseen")
    return dividing_point(contest(np.asarray(scores), seen).margin, by)


def best_penalty(curves: list[SeenUnseenCurve]) -> float:
    """The gamma with the largest harmonic mean of seen and unseen accuracy, averaged over ``curves``."""
    # The mean of step functions changes at their break points alone: one value inside every step tries them all.
    edges = np.unique(np.concatenate([curve.penalties for curve in curves]))
    values = np.concatenate([edges[:1] - 1, (edges[1:] + edges[:-1]) / 2, edges[-1:] + 1])
    H = np.zeros(len(values))
    for curve in curves:
        s, u = curve.at(values)
        H += 2 * s * u / np.maximum(s + u, np.finfo(float).tiny)
    best = np.flatnonzero(H.max() - H <= 1e-12)
    return float(values[best[len(best) // 2]])
