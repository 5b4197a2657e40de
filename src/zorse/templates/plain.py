"""Plain classifiers of no paper, which methods take where they are given no other."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, Traits, ZeroShotClassifier
from zorse.training import softmax_regression


class RidgeToVectors(ZeroShotClassifier):
    """Ridge regression to class vectors, then the inner product."""

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        self.map_ = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ table.vectors[rows])

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return X @ self.map_ @ table.vectors.T


class SoftmaxRegression(ZeroShotClassifier):
    """Softmax regression on the features, over the classes that have samples; a class without any never wins."""

    traits = Traits(learns_unseen=False)

    def __init__(self, C: float = 1.0):
        self.C = C

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        target = np.unique(table.labels[rows], return_inverse=True)[1]
        self.coef_, self.intercept_ = np.zeros((1, X.shape[1])), np.zeros(1)
        if target.any():
            self.coef_, self.intercept_ = softmax_regression(X, target, self.C)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        known = X @ self.coef_.T + self.intercept_
        place = np.searchsorted(self.seen_, table.labels).clip(max=len(self.seen_) - 1)
        return np.where(self.seen_[place] == table.labels, known[:, place], -1e3)
