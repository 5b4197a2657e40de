"""The contract of every method that gives an image several labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.core.method import ZeroShotMethod
from zorse.core.samples import read_samples


class ZeroShotTagger(ZeroShotMethod, BaseEstimator, ABC):
    """Learn from images with any number of tags, score any tag that has a row in the class table, each on its own.

    A method implements ``_fit`` and ``_scores``. ``seen_`` are the tags with an example; ``threshold_`` is the score
    from which on the training samples' own tags are told best (highest F1 over all pairs).
    """

    def fit(self, X, Y, classes: ClassTable) -> Self:
        """Learn from tagged samples.

        Parameters
        ----------
        X : array-like of shape (n, d) or (n, gh, gw, d)
        Y : ndarray of shape (n, c), or a list of n lists of labels
            1 where a sample has a tag, columns in the order of ``classes``. A tag that no sample has is unseen: it
            counts as unknown, not as absent.
        classes : ClassTable

        Raises
        ------
        InputError
            If a label has no row in ``classes``, Y holds something else than 0 and 1, or a feature is not finite.
        """
        X, Y = read_samples(self, X, reset=True), self._indicator(Y, classes)
        check_consistent_length(X, Y)
        Y = Y[:, known := Y.any(axis=0)]
        if not known.any():
            raise InputError(f"{type(self).__name__} needs samples with tags; Y has none")
        self.seen_ = classes.labels[known]
        self._fit(X, Y, seen := classes.select(self.seen_))
        scores, hits = self._offer(seen).scores(X).ravel(), Y.ravel()
        order = np.argsort(-scores, kind="stable")
        f1 = 2 * np.cumsum(hits[order]) / (np.arange(len(hits)) + 1 + hits.sum())
        self.threshold_ = float(scores[order[f1.argmax()]])
        return self._offer(classes)

    def scores(self, X) -> np.ndarray:
        """Scores of shape (n, c), float64, larger is likelier, columns ordered as ``classes_``."""
        check_is_fitted(self)
        return np.asarray(self._scores(read_samples(self, X), self.candidates_), dtype=np.float64)

    decision_function = scores

    def predict(self, X, threshold: float | np.ndarray | None = None) -> np.ndarray:
        """Whether each sample has each tag, bool (n, c): its score reaches ``threshold``, one for all or one a tag."""
        return self.scores(X) >= (self.threshold_ if threshold is None else np.asarray(threshold))

    def _indicator(self, Y, table: ClassTable) -> np.ndarray:
        if not hasattr(Y, "shape"):
            return np.array([np.isin(np.arange(table.n_classes), table.rows(labels)) for labels in Y])
        Y = np.asarray(Y)
        if Y.ndim != 2 or Y.shape[1] != table.n_classes or not np.isin(Y, (0, 1)).all():
            raise InputError(f"expected 0 and 1 in Y (n, {table.n_classes}), a column a class; got {Y.shape}")
        return Y.astype(bool)

    @abstractmethod
    def _fit(self, X: np.ndarray, Y: np.ndarray, table: ClassTable) -> None:
        """Learn from X; Y (n, c) is True where a sample has the tag of a ``table`` row. All tags are seen ones."""

    @abstractmethod
    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        """Scores (n, c) of X, larger is likelier."""
