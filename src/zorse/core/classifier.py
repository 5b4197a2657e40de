"""The contract of every zero-shot classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from zorse.core.classes import ClassTable
from zorse.core.errors import CapabilityError, InputError
from zorse.core.method import ZeroShotMethod
from zorse.core.samples import read_samples


class ZeroShotClassifier(ZeroShotMethod, ClassifierMixin, BaseEstimator, ABC):
    """Learn from seen classes, score any class that has a row in the class table.

    A method implements ``_fit`` and ``_scores``; one that must work to accept a new
    label space also implements ``_prepare``.
    """

    def fit(self, X, y=None, classes: ClassTable | None = None, unlabelled=None) -> Self:
        """Learn from labelled samples of the seen classes.

        Parameters
        ----------
        X : array-like of shape (n, d) or (n, gh, gw, d), or None
            Image features, or grids of them for a method with ``traits.takes == "patches"``. None for a method that
            learns from descriptions (and unlabelled samples) alone.
        y : array-like of shape (n,) or None
            Labels; each has a row in ``classes``.
        classes : ClassTable, optional
            Seen and unseen classes. Without it the method is an ordinary classifier over the labels in ``y``.
        unlabelled : array-like of shape (m, ...), optional
            Samples without labels, for methods with ``traits.needs_unlabelled``.

        Raises
        ------
        InputError
            If a label has no row in ``classes`` or a feature is not finite.
        CapabilityError
            If the method needs samples that are missing, or can't use those given.
        """
        name = type(self).__name__
        if self.traits.needs_unlabelled != (unlabelled is not None):
            asks = "needs unlabelled samples" if self.traits.needs_unlabelled else "cannot use unlabelled samples"
            raise CapabilityError(
                f"{name} {asks}; it was fitted {'with' if unlabelled is not None else 'without'} them"
            )
        if X is None:
            return self._fit_descriptions(classes, unlabelled)
        X, y = read_samples(self, X, y, reset=True)
        check_classification_targets(y)
        table = self._table_of(X, y) if classes is None else classes
        self.seen_ = np.unique(y)
        if classes is None and len(self.seen_) < 2:
            raise InputError(f"{name} needs samples of at least two classes; got only one class: {self.seen_[0]!s}")
        rows = table.rows(y)
        if unlabelled is None:
            self._fit(X, rows, table)
        else:
            self._fit_transductive(X, rows, table, read_samples(self, unlabelled, name="unlabelled"))
        return self._offer(table)

    def decision_function(self, X) -> np.ndarray:
        """Scores of shape (n, c), float64, larger is better, columns ordered as ``classes_``.

        With exactly two candidates scikit-learn's convention holds: shape (n,), second minus first.
        """
        scores = self.scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def scores(self, X) -> np.ndarray:
        """``decision_function`` without the exception for two candidates: always (n, c)."""
        check_is_fitted(self)
        X = read_samples(self, X, reset=not hasattr(self, "n_features_in_"))
        return np.asarray(self._scores(X, self.candidates_), dtype=np.float64)

    def predict_proba(self, X) -> np.ndarray:
        """Softmax of the scores, shape (n, c); rows sum to 1."""
        return softmax(self.scores(X), axis=1)

    def predict(self, X) -> np.ndarray:
        """Most compatible candidate label of each sample, shape (n,)."""
        best = self.scores(X).argmax(axis=1)
        return self.classes_[best]

    def _fit_descriptions(self, classes: ClassTable | None, unlabelled) -> Self:
        name = type(self).__name__
        if self.traits.trained:
            raise CapabilityError(f"{name} learns from labelled samples; X and y are required")
        if classes is None:
            raise CapabilityError(f"{name} was given neither samples nor a class table; pass classes=")
        self.seen_ = classes.labels[:0]
        no_rows = np.empty(0, dtype=np.intp)
        if unlabelled is not None:
            unlabelled = read_samples(self, unlabelled, name="unlabelled", reset=True)
            self._fit_transductive(unlabelled[:0], no_rows, classes, unlabelled)
            return self._offer(classes)
        if self.traits.aligned_space:
            self.n_features_in_ = classes.n_semantics
        grid = (1, 1) if self.traits.takes == "patches" else ()
        self._fit(np.empty((0, *grid, classes.n_semantics)), no_rows, classes)
        return self._offer(classes)

    def _table_of(self, X: np.ndarray, y: np.ndarray) -> ClassTable:
        # In an aligned space the natural description of a class without one is its mean sample.
        if not self.traits.aligned_space:
            return ClassTable.one_hot(y)
        labels = np.unique(y)
        return ClassTable(labels, np.stack([X[y == label].reshape(-1, X.shape[-1]).mean(axis=0) for label in labels]))

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        """Learn from X (n, d) float64, or (n, gh, gw, d) float32; sample i belongs to ``table`` row ``rows[i]``."""
        raise NotImplementedError

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        """Learn from X (n, d) and ``unlabelled`` (m, d); written by methods with ``traits.needs_unlabelled``.

        They have no ``_fit`` to write: nothing calls it. n is 0 where the method is not ``traits.trained``.
        """
        raise NotImplementedError

    @abstractmethod
    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        """Scores (n, c) of X, larger is better."""
