"""IAP: a classifier of seen classes tells which attributes a sample has."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable, InputError, Paper
from zorse.templates import AttributePrediction
from zorse.training import softmax_regression


class IAP(AttributePrediction):
    r"""Indirect attribute prediction: attributes follow from the seen classes that a sample may belong to.

    p(a_m | x) = sum_y p(a_m | y) p(y | x) over the seen classes y, each of which has an attribute or has not; then
    p(c | x) is in proportion to prod_m p(a_m = a_m^c | x) / p(a_m = a_m^c).

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the l2 penalty of the softmax regression on the seen classes, as in scikit-learn.

    Attributes
    ----------
    coef_, intercept_ : ndarray of shape (s, d) and (s,)
        The classifier of the seen classes.
    seen_has_ : ndarray of shape (s, k)
        1 where a seen class has an attribute, 0 where not.
    threshold_, prior_ : ndarray of shape (k,)
        Above the first an attribute counts as present (its mean over seen classes); share of seen classes that have
        it. One that all have, or none, is left out of the product.

    Raises
    ------
    InputError
        If there is only one seen class, or no attribute differs between them.

    Notes
    -----
    Differs from the paper: the classifier is a softmax regression, where the paper takes support vector machines with
    Platt scaling; binary attributes are continuous ones, each cut at its mean over the seen classes. Logarithms are
    taken of probabilities of at least 1e-12.

    Cost: that of softmax regression to fit; O(n d s + n s k + n k c) to score, s being the number of seen classes.

    References
    ----------
    Lampert, Nickisch and Harmeling, "Attribute-based classification for zero-shot visual object categorization",
    TPAMI 36(3), 2014.
    """

    paper = Paper(
        title="Attribute-Based Classification for Zero-Shot Visual Object Categorization",
        authors="Christoph H. Lampert, Hannes Nickisch, Stefan Harmeling",
        venue="TPAMI",
        year=2014,
        url="https://doi.org/10.1109/TPAMI.2013.140",
        aka=("IAP", "indirect attribute prediction"),
    )

    def __init__(self, C: float = 1.0):
        self.C = C

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        seen = np.unique(rows)
        if len(seen) < 2:
            raise InputError(f"IAP needs at least two seen classes; got {table.labels[seen][0]!s} alone")
        super()._fit(X, rows, table)

    def _fit_attributes(self, X: np.ndarray, rows: np.ndarray, has: np.ndarray) -> None:
        seen, target = np.unique(rows, return_inverse=True)
        self.coef_, self.intercept_ = softmax_regression(X, target, self.C)
        self.seen_has_ = has[seen].astype(float)

    def _log_attributes(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = softmax(X @ self.coef_.T + self.intercept_, axis=1)
        present, absent = p @ self.seen_has_, p @ (1 - self.seen_has_)
        return np.log(np.maximum(present, 1e-12)), np.log(np.maximum(absent, 1e-12))
