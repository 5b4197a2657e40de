"""Class shares of a set of predictions, and the shift of the logits that gives them wanted ones."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, softmax

from zorse.core.errors import InputError


def matched_bias(logits: np.ndarray, prior: np.ndarray, tolerance: float = 1e-9, max_iter: int = 200) -> np.ndarray:
    """b (c,), of mean 0, with mean_i softmax(logits_i + b) = ``prior``.

    Parameters
    ----------
    logits : ndarray of shape (n, c)
    prior : ndarray of shape (c,)
        Positive, summing to 1.
    tolerance : float
        Largest difference of a share at which the search ends.
    max_iter : int

    Raises
    ------
    InputError
        If there is no sample, or ``prior`` is no such vector.

    Notes
    -----
    b is the minimum of the convex mean_i logsumexp(logits_i + b) - prior b, found by Newton's method; where that step
    does not lead down, by b += log(prior / shares), which always does. O(n c^2 + c^3) an iteration, some ten of them.
    """
    prior = np.asarray(prior, dtype=float)
    if not len(logits):
        raise InputError("class shares need at least one sample; got none")
    if prior.shape != logits.shape[1:] or not (prior > 0).all() or not np.isclose(prior.sum(), 1):
        raise InputError(f"expected a prior of {logits.shape[1]} positive shares that sum to 1; got {prior}")
    n, c = logits.shape
    b = np.zeros(c)

    def height(b: np.ndarray) -> float:
        return float(logsumexp(logits + b, axis=1).mean() - prior @ b)

    now = height(b)
    for _ in range(max_iter):
        P = softmax(logits + b, axis=1)
        shares = P.mean(axis=0)
        slope = shares - prior
        if np.abs(slope).max() <= tolerance:
            break
        curvature = np.diag(shares) - P.T @ P / n
        # Constant shifts change nothing; the added ones make the system regular and leave the step across them 0.
        step = -np.linalg.solve(curvature + 1 / c + 1e-12 * np.eye(c), slope)
        size, drop = 1.0, float(slope @ step)
        while size > 1e-6 and not height(b + size * step) <= now + 1e-4 * size * drop:
            size /= 2
        b = b + size * step if size > 1e-6 else b + np.log(prior) - np.log(np.maximum(shares, 1e-300))
        now = height(b)
    return b - b.mean()


def balanced(P: np.ndarray, shares: np.ndarray, n_iter: int) -> np.ndarray:
    """P (n, c) scaled by Sinkhorn's ``n_iter`` steps towards column means ``shares`` (c,); rows sum to 1 exactly."""
    n = len(P)
    for _ in range(n_iter):
        columns = P.sum(axis=0)
        P = P * (n * shares / np.where(columns > 0, columns, 1))
        rows = P.sum(axis=1, keepdims=True)
        P = P / np.where(rows > 0, rows, 1)
    return P
