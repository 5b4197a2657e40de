"""Why a method fails on unseen classes: hubs among the class vectors, and projections that miss their classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import skew

from zorse.core import ClassTable, InputError, Paper, ZeroShotClassifier, implements
from zorse.data import ZeroShotTask


def occurrences(scores: np.ndarray, k: int = 1) -> np.ndarray:
    """N_k of each column, shape (c,): how many rows have it among their ``k`` best; O(n c).

    Raises
    ------
    InputError
        If ``scores`` is not (n, c) or ``k`` not from 1 to c.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or not len(scores):
        raise InputError(f"expected scores of shape (n, c), n above 0; got {scores.shape}")
    n, c = scores.shape
    if not 1 <= k <= c:
        raise InputError(f"k must be from 1 to {c}, the number of classes; got {k}")
    if k == 1:
        return np.bincount(scores.argmax(axis=1), minlength=c)
    best = np.argpartition(scores, -k, axis=1)[:, -k:] if k < c else np.tile(np.arange(c), (n, 1))
    return np.bincount(best.ravel(), minlength=c)


def hubness_skewness(scores: np.ndarray, k: int = 1) -> float:
    """Skewness of N_k over classes; far above 0 where a few classes (hubs) are near to most samples.

    E[(N_k - mean)^3] / E[(N_k - mean)^2]^1.5 of :func:`occurrences`, and 0 where all classes occur equally often.

    Parameters
    ----------
    scores : ndarray of shape (n, c)
        Larger is nearer.
    k : int
        From 1 to c.
    """
    N = occurrences(scores, k)
    return 0.0 if (N[0] == N).all() else float(skew(N))


def projection_shift(embedded: np.ndarray, y, table: ClassTable) -> dict:
    """Distance of each class's mean projection from its class vector, by label.

    Parameters
    ----------
    embedded : ndarray of shape (n, k)
        Samples projected to the space of the class vectors.
    y : array-like of shape (n,)
    table : ClassTable

    Raises
    ------
    InputError
        If sizes disagree or a label has no row in ``table``.
    """
    embedded, y = np.asarray(embedded), np.asarray(y)
    if embedded.shape != (len(y), table.n_semantics):
        raise InputError(f"expected projections of shape {(len(y), table.n_semantics)}; got {embedded.shape}")
    labels = np.unique(y)
    means = np.stack([embedded[y == label].mean(axis=0) for label in labels])
    return dict(zip(labels.tolist(), np.linalg.norm(means - table.select(labels).vectors, axis=1).tolist()))


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a method on unseen classes.

    Attributes
    ----------
    hubness : float
        Skewness of N_k of unseen samples among unseen classes.
    k : int
    shift_seen, shift_unseen : float
        Mean over classes of :func:`projection_shift`, on held-out samples of either kind; NaN where the method has no
        projection. The classes that were trained on show what the method can do at best.
    """

    hubness: float
    k: int
    shift_seen: float
    shift_unseen: float

    @property
    def shift(self) -> float:
        """How many times farther projections miss unseen classes than seen ones."""
        return self.shift_unseen / self.shift_seen


@implements(
    Paper(
        title="Recent Advances in Zero-Shot Recognition: Toward Data-Efficient Understanding of Visual Content",
        authors="Yanwei Fu, Tao Xiang, Yu-Gang Jiang, Xiangyang Xue, Leonid Sigal, Shaogang Gong",
        venue="IEEE Signal Processing Magazine",
        year=2018,
        url="https://arxiv.org/abs/1710.04837",
        aka=("hubness and projection domain shift", "diagnose"),
        seed=5,
    )
)
def diagnose(
    model: ZeroShotClassifier,
    task: ZeroShotTask,
    k: int | None = None,
    project: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Diagnosis:
    """Hubness and projection domain shift, the two problems that the survey finds behind failures on unseen classes.

    Parameters
    ----------
    model : ZeroShotClassifier
        Fitted.
    task : ZeroShotTask
    k : int, optional
        Length of the lists that hubs occur in; default 10, or half of the unseen classes where they are fewer than 20.
    project : callable (n, d) -> (n, k), optional
        To the space of class vectors; default the model's ``embed``, else X W of a model with ``weights_`` (d, k).

    Notes
    -----
    Both look at test samples: they explain a result, they choose nothing. A projection is compared with class vectors
    in their own units, so that its shift means something for methods which learn to hit the vector (regression to
    attributes), and less for those that learn a ranking only; the ratio :attr:`Diagnosis.shift` is free of the unit.

    References
    ----------
    Fu, Xiang, Jiang, Xue, Sigal and Gong, "Recent advances in zero-shot recognition", IEEE SPM 35(1), 2018.
    Radovanovic, Nanopoulos and Ivanovic, "Hubs in space", JMLR 11, 2010, for the skewness of N_k.
    """
    X = task.test_unseen[0]
    scores = model.with_candidates(task.classes.select(task.unseen)).scores(X)
    k = k or max(1, min(10, len(task.unseen) // 2))
    project = project or _projection(model)
    shifts = [float("nan")] * 2
    if project is not None:
        parts = (task.test_seen, task.test_unseen)
        shifts = [float(np.mean(list(projection_shift(project(X), y, task.classes).values()))) for X, y in parts]
    return Diagnosis(hubness_skewness(scores, k), k, *shifts)


def _projection(model: ZeroShotClassifier) -> Callable[[np.ndarray], np.ndarray] | None:
    k, embed, weights = model.candidates_.n_semantics, getattr(model, "embed", None), getattr(model, "weights_", None)
    if callable(embed):
        return embed
    if isinstance(weights, np.ndarray) and weights.shape == (model.n_features_in_, k):
        return lambda X: X @ weights
    return None
