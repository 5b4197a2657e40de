"""Similarities of rows, and regression on them."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve
from sklearn.metrics import pairwise_distances


def gaussian_kernel(P: np.ndarray, Q: np.ndarray, sigma: float) -> np.ndarray:
    """exp(-||p - q||^2 / sigma^2) for every row of P (n, d) and every row of Q (m, d), shape (n, m)."""
    return np.exp(-pairwise_distances(P, Q, metric="sqeuclidean") / sigma**2)


def kernel_ridge(K: np.ndarray, targets: np.ndarray, k: np.ndarray, alpha: float) -> np.ndarray:
    """Ridge regression of ``targets`` (s, d) from their mean, read off at other places; shape (c, d).

    Parameters
    ----------
    K : ndarray of shape (s, s)
        Kernel of the known places among themselves.
    targets : ndarray of shape (s, d)
    k : ndarray of shape (c, s)
        Kernel of the other places with the known ones.
    alpha : float
        Weight of the penalty, above 0; a large one leaves the mean of the targets everywhere.
    """
    mean = targets.mean(axis=0)
    return mean + k @ solve(K + alpha * np.eye(len(K)), targets - mean, assume_a="pos")
