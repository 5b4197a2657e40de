"""DAP: one classifier an attribute, and the class whose attributes are the likeliest."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from zorse.core import ClassTable, InputError, Paper
from zorse.templates import AttributePrediction
from zorse.training import minimise_linear


class DAP(AttributePrediction):
    r"""Direct attribute prediction: p(c | x) is in proportion to prod_m p(a_m = a_m^c | x) / p(a_m = a_m^c).

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the l2 penalty of the attribute classifiers, as in scikit-learn.

    Attributes
    ----------
    threshold_ : ndarray of shape (k,)
        Above it an attribute counts as present: its mean over the seen classes.
    weights_ : ndarray of shape (d, k)
    intercept_ : ndarray of shape (k,)
        The attribute classifiers.
    prior_ : ndarray of shape (k,)
        Share of seen classes that have the attribute. One that all have, or none, is left out of the product.

    Raises
    ------
    InputError
        If ``C`` is not above 0, or no attribute differs between the seen classes.

    Notes
    -----
    Differs from the paper: attribute classifiers are logistic regressions, all solved at once, where the paper takes
    support vector machines with Platt scaling; the paper's binary attributes are its continuous ones
    cut at one threshold for all, here at one each.

    Cost: O(n d^2 + d^3) and O((n + d) d k) an iteration of L-BFGS to fit; O(n d k + n k c) to score.

    References
    ----------
    Lampert, Nickisch and Harmeling, "Learning to detect unseen object classes by between-class attribute transfer",
    CVPR 2009.
    """

    paper = Paper(
        title="Learning To Detect Unseen Object Classes by Between-Class Attribute Transfer",
        authors="Christoph H. Lampert, Hannes Nickisch, Stefan Harmeling",
        venue="CVPR",
        year=2009,
        url="https://doi.org/10.1109/CVPR.2009.5206594",
        aka=("DAP", "direct attribute prediction"),
    )

    def __init__(self, C: float = 1.0):
        self.C = C

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if not self.C > 0:
            raise InputError(f"C must be above 0; got {self.C}")
        super()._fit(X, rows, table)

    def _fit_attributes(self, X: np.ndarray, rows: np.ndarray, has: np.ndarray) -> None:
        sign = np.where(has[rows], 1.0, -1.0)

        def loss(scores: np.ndarray) -> tuple[float, np.ndarray]:
            margin = sign * scores
            value = -self.C * (log_expit(margin) * self._told_apart).sum()
            return value, -self.C * sign * expit(-margin) * self._told_apart

        padded = np.column_stack([X, np.ones(len(X))])
        penalty = np.append(np.ones(X.shape[1]), 0.0)  # the intercept is free
        W = minimise_linear(padded, sign.shape[1], loss, penalty=penalty, curvature=self.C / 4)
        self.weights_, self.intercept_ = W[:-1], W[-1]

    def _log_attributes(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logit = X @ self.weights_ + self.intercept_
        return log_expit(logit), log_expit(-logit)
