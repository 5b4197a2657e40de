"""ConSE: a classifier of seen classes names an unseen one by the seen classes it takes it for."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax
from sklearn.base import clone

from zorse.core import CapabilityError, ClassTable, InputError, Paper, ZeroShotClassifier
from zorse.nn.vectors import cosine
from zorse.training import softmax_regression


class ConSE(ZeroShotClassifier):
    r"""Convex combination of semantic embeddings: the mean class vector of the likeliest seen classes.

    f(x) = sum_t p(y_t | x) s(y_t) / sum_t p(y_t | x), over the T likeliest seen classes y_1 .. y_T;
    a candidate is scored by the cosine of f(x) with its class vector.

    Parameters
    ----------
    top : int, default=10
        T, the number of seen classes that are mixed; all of them if there are fewer.
    C : float, default=1.0
        Inverse strength of the l2 penalty of the softmax regression on the seen classes.
    estimator : scikit-learn classifier, optional
        Used in place of the softmax regression; has ``predict_proba``. A model fitted with one cannot be saved.

    Attributes
    ----------
    seen_vectors_ : ndarray of shape (s, k)
        Class vectors of the seen classes, in the order of ``seen_``.
    coef_, intercept_ : ndarray of shape (s, d) and (s,)
        The softmax regression, where no ``estimator`` is given.
    estimator_ : classifier
        The fitted ``estimator``, where one is given.

    Raises
    ------
    InputError
        If ``top`` is below 1, or there is only one seen class.
    CapabilityError
        If ``estimator`` gives no probabilities.

    Notes
    -----
    Differs from the paper: the seen classes are told apart by a softmax regression on given features (or any
    ``estimator``), where the paper takes a convolutional network trained on ImageNet. The paper ranks unseen classes,
    or all, by the same cosine; both are a choice of candidates here.

    Cost: that of the classifier to fit; O(n d s + n T k + n k c) to score, s being the number of seen classes.

    References
    ----------
    Norouzi, Mikolov, Bengio, Singer, Shlens, Frome, Corrado and Dean, "Zero-shot learning by convex combination of
    semantic embeddings", ICLR 2014.
    """

    paper = Paper(
        title="Zero-Shot Learning by Convex Combination of Semantic Embeddings",
        authors="Mohammad Norouzi, Tomas Mikolov, Samy Bengio, Yoram Singer, Jonathon Shlens, Andrea Frome, "
        "Greg S. Corrado, Jeffrey Dean",
        venue="ICLR",
        year=2014,
        url="https://arxiv.org/abs/1312.5650",
        aka=("ConSE",),
        seed=10,
    )

    def __init__(self, top: int = 10, C: float = 1.0, estimator=None):
        self.top = top
        self.C = C
        self.estimator = estimator

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.top < 1:
            raise InputError(f"top must be at least 1; got {self.top}")
        if self.estimator is not None and not hasattr(self.estimator, "predict_proba"):
            raise CapabilityError(f"ConSE needs an estimator with predict_proba; got {self.estimator!r}")
        seen, target = np.unique(rows, return_inverse=True)
        if len(seen) < 2:
            raise InputError(f"ConSE needs at least two seen classes; got {table.labels[seen][0]!s} alone")
        self.seen_vectors_ = table.vectors[seen]
        if self.estimator is not None:
            self.estimator_ = clone(self.estimator).fit(X, target)
            return
        self.coef_, self.intercept_ = softmax_regression(X, target, self.C)

    def embed(self, X: np.ndarray) -> np.ndarray:
        """f(x), the place of each sample among the class vectors, shape (n, k)."""
        if self.estimator is not None:
            p = self.estimator_.predict_proba(X)
        else:
            p = softmax(X @ self.coef_.T + self.intercept_, axis=1)
        if self.top < p.shape[1]:
            dropped = np.argpartition(p, -self.top, axis=1)[:, : -self.top]
            p = p.copy()
            np.put_along_axis(p, dropped, 0, axis=1)
        return (p / p.sum(axis=1, keepdims=True)) @ self.seen_vectors_

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return cosine(self.embed(X), table.vectors)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Mixing few, so that the truncation is exercised."""
        return [{"top": 4}]
