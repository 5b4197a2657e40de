"""ESZSL: a closed-form bilinear map with a Frobenius penalty on both sides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import solve

from zorse.core import ClassTable, Paper
from zorse.nn.shifted import ShiftedSystems
from zorse.nn.vectors import class_sums
from zorse.templates import BilinearClassifier


class ESZSL(BilinearClassifier):
    r"""Embarrassingly simple zero-shot learning: ridge regression from both sides at once.

    With X (n, d) the samples, A (c, k) the vectors of the seen classes and Y (n, c) the labels, 1 for the own class
    and -1 for another, it minimises

        ||X W A^T - Y||^2 + gamma ||W A^T||^2 + lam ||X W||^2 + gamma lam ||W||^2,

    whose minimiser is W = (X^T X + gamma I)^-1 X^T Y A (A^T A + lam I)^-1.

    Parameters
    ----------
    gamma : float, default=1.0
        Weight of the penalty on the classifiers W A^T, above 0.
    lam : float, default=1.0
        Weight of the penalty on the images X W, above 0.
    negative : float, default=-1.0
        What Y holds for a class that is not the sample's own: -1 in the paper, 0 in widely used reimplementations.

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)
        The map W; score(x, c) = x^T W a_c.

    Notes
    -----
    Differs from the paper: in nothing but the names (its X and S are transposed; V there is W here). The paper chooses
    gamma and lam among powers of ten by validation over held-out classes; :func:`eszsl_path` makes that cheap.
    With many seen classes the -1 of all the others outweigh the 1, and ``negative=0`` may do far better.

    Cost: O(n d^2 + d^3 + s k min(s, k)) to fit with s seen classes, nothing being inverted; O(n d k + n k c) to score.

    References
    ----------
    Romera-Paredes and Torr, "An embarrassingly simple approach to zero-shot learning", ICML 2015.

    Examples
    --------
    >>> from zorse.data import toy_zsl
    >>> task = toy_zsl()
    >>> model = ESZSL().fit(*task.train, classes=task.classes)
    >>> float(model.with_candidates(task.unseen).score(*task.test_unseen)) > 0.5
    True
    """

    paper = Paper(
        title="An embarrassingly simple approach to zero-shot learning",
        authors="Bernardino Romera-Paredes, Philip H. S. Torr",
        venue="ICML",
        year=2015,
        url="https://proceedings.mlr.press/v37/romera-paredes15.html",
        aka=("ESZSL",),
    )

    def __init__(self, gamma: float = 1.0, lam: float = 1.0, negative: float = -1.0):
        self.gamma = gamma
        self.lam = lam
        self.negative = negative

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        target, values, directions = _seen_side(X, rows, table, self.negative)
        left = solve(X.T @ X + self.gamma * np.eye(X.shape[1]), target, assume_a="pos", check_finite=False)
        self.weights_ = left * (values / (values**2 + self.lam)) @ directions

    def _path(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, points) -> Iterator[np.ndarray]:
        known = [{"gamma": self.gamma, "lam": self.lam, "negative": self.negative} | point for point in points]
        gammas, lams = (sorted({point[name] for point in known}) for name in ("gamma", "lam"))
        kinds = {negative: None for negative in (point["negative"] for point in known)}
        paths = {negative: eszsl_path(X, rows, table, gammas, lams, negative) for negative in kinds}
        for point in known:
            yield paths[point["negative"]][gammas.index(point["gamma"]), lams.index(point["lam"])]


def eszsl_path(X, rows, table: ClassTable, gammas, lams, negative: float = -1.0) -> np.ndarray:
    """The weights of :class:`ESZSL` for every pair of penalties, from one decomposition a side.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    rows : ndarray of shape (n,)
        Row in ``table`` of each sample.
    table : ClassTable
    gammas, lams : array-like of float
        Values above 0.
    negative : float
        As of the class.

    Returns
    -------
    weights : ndarray of shape (len(gammas), len(lams), d, k)

    Notes
    -----
    The features' side is made tridiagonal, the class vectors' diagonal. Cost, with r = min(s, k) for s seen classes:
    O(n d^2 + d^3 + s k r) once, then O(d^2 r) for each gamma and O(d k r) for each pair.
    """
    target, values, directions = _seen_side(X, rows, table, negative)
    systems = ShiftedSystems(X.T @ X)
    core = systems.rotated(target)
    left = systems.back(np.hstack([systems.solve_rotated(core, gamma) for gamma in gammas]))
    weights = np.empty((len(gammas), len(lams), len(target), directions.shape[1]))
    for i, of_gamma in enumerate(np.split(left, len(gammas), axis=1)):
        for j, lam in enumerate(lams):
            weights[i, j] = of_gamma * (values / (values**2 + lam)) @ directions
    return weights


def _seen_side(
    X: np.ndarray, rows: np.ndarray, table: ClassTable, negative: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X^T Y U without writing Y down, s and V^T of the seen classes' A = U diag(s) V^T.

    With them W = (X^T X + gamma I)^-1 X^T Y U diag(s / (s^2 + lam)) V^T: what lies outside the span of A, where a solve
    with A^T A + lam I divides rounding errors by lam, never comes up.
    """
    seen, column = np.unique(rows, return_inverse=True)
    U, values, directions = np.linalg.svd(table.vectors[seen], full_matrices=False)
    # Y = negative + (1 - negative) onehot.
    sums = class_sums(X, column, len(seen))
    target = (1 - negative) * sums.T @ U + negative * np.outer(sums.sum(axis=0), U.sum(axis=0))
    return target, values, directions
