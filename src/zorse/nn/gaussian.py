"""Gaussian classes with one covariance."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve


def shrunk_precision_times(scatter: np.ndarray, n: int, means: np.ndarray) -> np.ndarray:
    """Rows of ``means`` (c, d) times the inverse covariance, by Kubokawa and Srivastava's ridge estimator.

    d ((n - 1) S + tr(S) I)^-1 with S = scatter / (n - 1), for a scatter (d, d) summed over ``n`` samples; one
    Cholesky factorisation, O(d^3 + c d^2). A scatter of zero (every class one point) counts as the identity.
    """
    d = len(scatter)
    spread = np.trace(scatter) / max(n - 1, 1)
    if spread <= 1e-12:
        return d * means
    return d * cho_solve(cho_factor(scatter + spread * np.eye(d)), means.T).T


def intercepts(weights: np.ndarray, means: np.ndarray, log_prior) -> np.ndarray:
    """log prior - 1/2 mu' P mu of each class, for ``weights`` mu' P (c, d)."""
    return log_prior - (weights * means).sum(axis=1) / 2
