"""DAP: one classifier an attribute, and the class whose attributes are the likeliest."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from zorse.core import ClassTable, InputError, Paper, ZeroShotClassifier


class DAP(ZeroShotClassifier):
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

    Cost: O(n d k) an iteration of L-BFGS to fit; O(n d k + n k c) to score.

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
        seen = np.unique(rows)
        self.threshold_ = table.vectors[seen].mean(axis=0)
        has = self._has(table)
        self.prior_ = has[seen].mean(axis=0)
        if not self._told_apart.any():
            raise InputError("DAP needs an attribute that some seen classes have and others don't")
        sign = np.where(has[rows], 1.0, -1.0)
        shape = (X.shape[1] + 1, sign.shape[1])

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            W = flat.reshape(shape)
            margin = sign * (X @ W[:-1] + W[-1])
            slope = -sign * expit(-margin) * self._told_apart
            gradient = np.vstack([W[:-1] + self.C * (X.T @ slope), self.C * slope.sum(axis=0)])
            value = (W[:-1] ** 2).sum() / 2 - self.C * (log_expit(margin) * self._told_apart).sum()
            return value, gradient.ravel()

        W = minimize(objective, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
        self.weights_, self.intercept_ = np.split(W.reshape(shape), [-1])
        self.intercept_ = self.intercept_[0]

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        logit, use = X @ self.weights_ + self.intercept_, self._told_apart
        prior = np.where(use, self.prior_, 0.5)
        present = (log_expit(logit) - np.log(prior)) * use
        absent = (log_expit(-logit) - np.log(1 - prior)) * use
        has = self._has(table).astype(float)
        return present @ has.T + absent @ (1 - has).T

    def _has(self, table: ClassTable) -> np.ndarray:
        return table.vectors > self.threshold_

    @property
    def _told_apart(self) -> np.ndarray:
        return (self.prior_ > 0) & (self.prior_ < 1)
