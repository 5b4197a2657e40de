"""Lengths and angles of rows."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array


def unit_rows(V: np.ndarray) -> np.ndarray:
    """V (n, d) with every row scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(V, axis=-1, keepdims=True)
    return V / np.where(lengths > 0, lengths, 1)


def cosine(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Cosine of every row of P (n, d) with every row of Q (m, d), shape (n, m); 0 for a row of zeros."""
    return unit_rows(P) @ unit_rows(Q).T


def negative_distance(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """-||p - q||^2 for every row of P (n, d) and every row of Q (m, d), shape (n, m)."""
    return 2 * P @ Q.T - (P**2).sum(axis=1)[:, None] - (Q**2).sum(axis=1)


def class_sums(X: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Sum of the rows of X (n, d) of each class, shape (n_classes, d); ``classes`` (n,) numbers them from 0. O(n d)."""
    indicator = csr_array((np.ones(len(X)), (classes, np.arange(len(X)))), shape=(n_classes, len(X)))
    return indicator @ X
