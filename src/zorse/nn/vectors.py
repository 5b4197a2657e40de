"""Lengths and angles of rows."""

from __future__ import annotations

import numpy as np


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
