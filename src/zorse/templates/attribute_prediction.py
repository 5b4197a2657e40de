"""What methods share that predict attributes one by one and compare them with those of each class."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from zorse.core import ClassTable, InputError, ZeroShotClassifier


class AttributePrediction(ZeroShotClassifier):
    """p(c | x) is in proportion to prod_m p(a_m = a_m^c | x) / p(a_m = a_m^c), over binary attributes.

    A paper writes ``_fit_attributes`` and ``_log_attributes``.

    Attributes
    ----------
    threshold_ : ndarray (k,), above which an attribute counts as present: its mean over the seen classes
    prior_ : ndarray (k,), share of seen classes that have it; one that all have, or none, is left out of the product
    """

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        seen = np.unique(rows)
        self.threshold_ = table.vectors[seen].mean(axis=0)
        has = self._has(table)
        self.prior_ = has[seen].mean(axis=0)
        if not self._told_apart.any():
            name = type(self).__name__
            raise InputError(f"{name} needs an attribute that some seen classes have and others don't")
        self._fit_attributes(X, rows, has)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        use = self._told_apart
        prior = np.where(use, self.prior_, 0.5)
        present, absent = self._log_attributes(X)
        has = self._has(table).astype(float)
        return ((present - np.log(prior)) * use) @ has.T + ((absent - np.log(1 - prior)) * use) @ (1 - has).T

    def _has(self, table: ClassTable) -> np.ndarray:
        return table.vectors > self.threshold_

    @property
    def _told_apart(self) -> np.ndarray:
        return (self.prior_ > 0) & (self.prior_ < 1)

    @abstractmethod
    def _fit_attributes(self, X: np.ndarray, rows: np.ndarray, has: np.ndarray) -> None:
        """Learn from X (n, d) of classes ``rows``; class c of the table has attribute m if ``has[c, m]``."""

    @abstractmethod
    def _log_attributes(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log p(a_m = 1 | x) and log p(a_m = 0 | x), finite, each of shape (n, k)."""
