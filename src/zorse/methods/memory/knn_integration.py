"""kNN integration (2021): a linear classifier's probabilities, mixed with those of the nearest training samples."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax
from sklearn.base import clone

from zorse.core import CapabilityError, ClassTable, Paper, Traits, ZeroShotClassifier
from zorse.nn.search import nearest
from zorse.nn.vectors import unit_rows
from zorse.training import softmax_regression


class KNNIntegration(ZeroShotClassifier):
    """Retrieval beside a parametric classifier: nearest neighbours on centred unit features, interpolated with it.

    Parameters
    ----------
    estimator : ZeroShotClassifier, optional
        The classifier that neighbours are added to. None: softmax regression on the features, which knows the classes
        with samples alone.
    k : int
        Neighbours.
    temperature : float
        A neighbour at squared distance D counts exp(-D / temperature).
    weight : float
        Share lambda of the neighbours in the mixture, between 0 and 1.
    C : float
        Inverse strength of the l2 penalty of the softmax regression.

    Attributes
    ----------
    memory_ : ndarray of shape (n, d)
        The training features, centred and of unit length, float32.
    labels_ : ndarray of shape (n,)
        Their classes.
    mean_ : ndarray of shape (d,)
    estimator_ : ZeroShotClassifier or None
        The fitted ``estimator``.
    coef_, intercept_ : ndarray
        Of the softmax regression over ``seen_``, where there is no estimator.
    candidates_ : ClassTable
    classes_ : ndarray of shape (c,)
    seen_ : ndarray
    n_features_in_ : int

    Notes
    -----
    Features are centred by the training mean and scaled to unit length; p_kNN(c) is the share of class c in the sum of
    exp(-||q - x||^2 / T) over the k nearest, and p = lambda p_kNN + (1 - lambda) p_base. Scores are log p. Classes
    without samples have no neighbours; what is said about them is the estimator's.

    Differs from the paper: this is its integration of a trained classifier with neighbours. The reweighting of the
    training loss by the neighbours' confidence is not here. lambda is tuned on validation data in the paper.

    Cost: fit O(n d^2) and that of the base. Predict O(n m d) for m training samples, in blocks.

    References
    ----------
    Jia, Chen, Wu, Cardie, Belongie, Lim, Rethinking Nearest Neighbors for Visual Classification, 2021.
    """

    paper = Paper(
        title="Rethinking Nearest Neighbors for Visual Classification",
        authors="Menglin Jia, Bor-Chun Chen, Zuxuan Wu, Claire Cardie, Serge Belongie, Ser-Nam Lim",
        venue="arXiv",
        year=2021,
        url="https://arxiv.org/abs/2112.08459",
        aka=("kNN integration", "Revisit kNN", "nn-revisit"),
        seed=159,
    )
    traits = Traits(open_candidates=False, learns_unseen=False)
    estimator_: ZeroShotClassifier | None

    def __init__(
        self,
        estimator: ZeroShotClassifier | None = None,
        k: int = 20,
        temperature: float = 1.0,
        weight: float = 0.1,
        C: float = 1.0,
    ):
        self.estimator = estimator
        self.k = k
        self.temperature = temperature
        self.weight = weight
        self.C = C

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        self.mean_ = X.mean(axis=0)
        self.memory_ = unit_rows(X - self.mean_).astype(np.float32)
        self.labels_ = table.labels[rows]
        self.estimator_ = None
        if self.estimator is None:
            target = np.searchsorted(self.seen_, self.labels_)
            if len(self.seen_) > 1:
                self.coef_, self.intercept_ = softmax_regression(self.memory_.astype(float), target, self.C)
            else:
                self.coef_, self.intercept_ = np.zeros((1, X.shape[1])), np.zeros(1)
        elif isinstance(self.estimator, ZeroShotClassifier):
            self.estimator_ = clone(self.estimator).fit(X, self.labels_, classes=table)
        else:
            raise CapabilityError(f"KNNIntegration wraps a zero-shot classifier; got estimator={self.estimator!r}")

    def _prepare(self, table: ClassTable) -> None:
        if self.estimator_ is not None:
            self.estimator_ = self.estimator_.with_candidates(table)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        q = unit_rows(X - self.mean_)
        mixed = self.weight * self._neighbours(q, table) + (1 - self.weight) * self._base(X, q, table)
        return np.log(np.maximum(mixed, np.finfo(float).tiny))

    def _neighbours(self, q: np.ndarray, table: ClassTable) -> np.ndarray:
        """p_kNN (n, c) over the candidates, of the neighbours among all training samples."""
        index, similarity = nearest(q, self.memory_, self.k)
        votes = np.exp(-np.maximum(2 - 2 * similarity.astype(float), 0) / self.temperature)
        column = self._columns(table)[index]
        found = column >= 0
        out = np.zeros((len(q), table.n_classes))
        np.add.at(out, (np.nonzero(found)[0], column[found]), votes[found])
        return out / np.maximum(votes.sum(axis=1, keepdims=True), np.finfo(float).tiny)

    def _columns(self, table: ClassTable) -> np.ndarray:
        """The candidate that each training sample belongs to, -1 for none."""
        there = np.isin(self.labels_, table.labels)
        column = np.full(len(self.labels_), -1)
        column[there] = table.rows(self.labels_[there])
        return column

    def _base(self, X: np.ndarray, q: np.ndarray, table: ClassTable) -> np.ndarray:
        if self.estimator_ is not None:
            return softmax(self.estimator_.scores(X), axis=1)
        p = softmax(q @ self.coef_.T + self.intercept_, axis=1)
        there = np.isin(self.seen_, table.labels)
        out = np.zeros((len(X), table.n_classes))
        out[:, table.rows(self.seen_[there])] = p[:, there]
        return out
