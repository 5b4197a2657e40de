"""GFZSL: a class is a Gaussian among the features, whose parameters are regressed from its vector."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from zorse.core import ClassTable, InputError, Paper, ZeroShotClassifier
from zorse.nn.kernels import gaussian_kernel, kernel_ridge
from zorse.nn.vectors import mean_square, negative_distance, unit_rows


class GFZSL(ZeroShotClassifier):
    r"""Generative framework for zero-shot learning: p(x | c) = N(x; mu(a_c), diag exp(eta(a_c))).

    Mean and log-variance of every seen class are estimated from its samples; mu and eta are regressed on class vectors
    by (kernel) ridge regression, m(a) = m_0 + k(a)^T (K + alpha I)^-1 (M - m_0) with m_0 the mean over seen classes. A
    seen candidate keeps the parameters that its samples gave it. A candidate is scored by log p(x | c).

    Parameters
    ----------
    kernel : {"rbf", "linear"}, default="rbf"
        Of class vectors of unit length: exp(-||a - b||^2 / sigma^2), or a^T b; the paper's nonlinear and linear model.
    sigma : float, default=1.0
        Width of the rbf kernel.
    alpha_mean, alpha_var : float, default=1.0
        Weights of the ridge penalty for means and for log-variances.
    covariance : {"diagonal", "shared"}, default="diagonal"
        "diagonal" is the paper's: a variance a feature and class. "shared" is not in the paper: one full covariance for
        all classes, pooled within seen classes, which makes the scores linear in x.
    smoothing : float, default=0.1
        Added to every variance, in units of the mean variance within classes; above 0.

    Attributes
    ----------
    seen_vectors_ : ndarray of shape (s, k)
        Of unit length, in the order of ``seen_``.
    seen_means_, seen_log_vars_ : ndarray of shape (s, d)
        Estimated from samples.
    whitening_ : ndarray of shape (d, d)
        With a shared covariance S: the triangular L^-T, S = L L^T.
    means_, log_vars_ : ndarray of shape (c, d)
        Of the candidates.

    Raises
    ------
    InputError
        If ``kernel`` or ``covariance`` is unknown, or a number that has to be above 0 is not.

    Notes
    -----
    Differs from the paper: the regression is taken from the mean over seen classes, not from 0, so that a strong
    penalty leaves an average class; variances are smoothed by a constant in place of the paper's priors. Its
    transductive variant, which goes on by expectation maximisation over unlabelled samples, is not here.

    Cost: O(n d + s^3 + s^2 d) to fit, with a shared covariance O(n d^2 + d^3), s being the number of seen classes;
    O(c s (k + d)) for a label space, O(n c d) to score.

    References
    ----------
    Verma and Rai, "A simple exponential family framework for zero-shot learning", ECML 2017.
    """

    paper = Paper(
        title="A Simple Exponential Family Framework for Zero-Shot Learning",
        authors="Vinay Kumar Verma, Piyush Rai",
        venue="ECML PKDD",
        year=2017,
        url="https://arxiv.org/abs/1707.08040",
        aka=("GFZSL", "generative framework for zero-shot learning"),
    )

    def __init__(
        self,
        kernel: Literal["rbf", "linear"] = "rbf",
        sigma: float = 1.0,
        alpha_mean: float = 1.0,
        alpha_var: float = 1.0,
        covariance: Literal["diagonal", "shared"] = "diagonal",
        smoothing: float = 0.1,
    ):
        self.kernel = kernel
        self.sigma = sigma
        self.alpha_mean = alpha_mean
        self.alpha_var = alpha_var
        self.covariance = covariance
        self.smoothing = smoothing

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        self._check()
        if self.covariance not in ("diagonal", "shared"):
            raise InputError(f"covariance must be 'diagonal' or 'shared'; got {self.covariance!r}")
        seen, target = np.unique(table.labels[rows], return_inverse=True)
        self.seen_vectors_ = unit_rows(table.vectors[table.rows(seen)])
        own = np.eye(len(seen))[target]
        n = own.sum(axis=0)[:, None]
        self.seen_means_ = own.T @ X / n
        within = X - self.seen_means_[target]
        var = own.T @ within**2 / n
        floor = self.smoothing * mean_square(within, np.abs(X).max()) or 1.0  # samples that are all alike
        self.seen_log_vars_ = np.log(var + floor)
        if self.covariance == "shared":
            pooled = within.T @ within / len(X) + floor * np.eye(X.shape[1])
            lower = cholesky(pooled, lower=True)
            self.whitening_ = solve_triangular(lower, np.eye(len(lower)), lower=True).T

    def _check(self) -> None:
        if self.kernel not in ("rbf", "linear"):
            raise InputError(f"kernel must be 'rbf' or 'linear'; got {self.kernel!r}")
        for name in ("sigma", "alpha_mean", "alpha_var", "smoothing"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be above 0; got {getattr(self, name)}")

    def _prepare(self, table: ClassTable) -> None:
        self._check()  # those of the regression may have been changed since the fit
        K, k = self._kernel(self.seen_vectors_), self._kernel(unit_rows(table.vectors))
        parameters = ((self.seen_means_, self.alpha_mean), (self.seen_log_vars_, self.alpha_var))
        means, log_vars = (kernel_ridge(K, targets, k, alpha) for targets, alpha in parameters)
        known = np.flatnonzero(np.isin(table.labels, self.seen_))
        place = np.searchsorted(self.seen_, table.labels[known])
        means[known], log_vars[known] = self.seen_means_[place], self.seen_log_vars_[place]
        self.means_, self.log_vars_ = means, log_vars

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        # The squares below lose what features share, so that part goes first.
        centre = self.seen_means_.mean(axis=0)
        X, means = X - centre, self.means_ - centre
        if self.covariance == "shared":
            return negative_distance(X @ self.whitening_, means @ self.whitening_) / 2
        precision = np.exp(-self.log_vars_)
        spread = X**2 @ precision.T - 2 * X @ (means * precision).T + (means**2 * precision).sum(axis=1)
        return -(spread + self.log_vars_.sum(axis=1)) / 2

    def _kernel(self, vectors: np.ndarray) -> np.ndarray:
        if self.kernel == "linear":
            return vectors @ self.seen_vectors_.T
        return gaussian_kernel(vectors, self.seen_vectors_, self.sigma)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Both kernels, both covariances."""
        return [{"alpha_mean": 0.1}, {"kernel": "linear", "alpha_mean": 0.1, "covariance": "shared"}]
