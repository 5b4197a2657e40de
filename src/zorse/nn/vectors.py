"""Lengths and angles of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ROUNDING = 1e-12  # of the size of the numbers: a deviation below it is rounding, not spread


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


def column_spread(X: np.ndarray) -> np.ndarray:
    """Standard deviation of each column of X (n, d), shape (d,); 1 for a column that is constant but for rounding.

    The deviation itself can't tell: that of a column of 0.1 is 1e-16, not 0, and to divide by it makes rounding count.
    """
    low, high = X.min(axis=0), X.max(axis=0)
    varies = high - low > ROUNDING * np.maximum(np.abs(low), np.abs(high))
    return np.where(varies, X.std(axis=0), 1.0)


def mean_square(within: np.ndarray, size: float) -> float:
    """Mean square of deviations among numbers of a given size; exactly 0 where it is rounding alone."""
    found = float(np.square(within).mean())
    return found if found**0.5 > ROUNDING * size else 0.0


def class_sums(X: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Sum of the rows of X (n, d) of each class, shape (n_classes, d); ``classes`` (n,) numbers them from 0. O(n d)."""
    from scipy.sparse import csr_array  # half of what a start without torch takes, and only this needs it

    indicator = csr_array((np.ones(len(X)), (classes, np.arange(len(X)))), shape=(n_classes, len(X)))
    return indicator @ X


def unit_means(groups: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of the unit rows of each group (p_i, d), shape (c, d): the shorter, the less they agree. O(p d)."""
    return np.stack([unit_rows(group).mean(axis=0) for group in groups])


def in_slots(groups: Sequence[np.ndarray]) -> np.ndarray:
    """Unit rows of each group (p_i, d) side by side, shape (c, max p_i, d).

    A shorter group is filled with its mean, so that the mean of every group stays what it is.
    """
    most = max(map(len, groups))
    filled = np.empty((len(groups), most, groups[0].shape[1]))
    for row, group in zip(filled, groups, strict=True):
        units = unit_rows(group)
        row[: len(units)], row[len(units) :] = units, units.mean(axis=0)
    return filled


def compact(V: np.ndarray) -> np.ndarray:
    """V in single precision if it has more than a million numbers, where speed and memory count; else in double."""
    return V.astype(np.float32 if V.size > 1 << 20 else np.float64)


def with_top(scores: np.ndarray, top: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Scores (n, c) with those at the columns ``top`` (n, k) replaced by ``new``; the others move below, in order."""
    k = top.shape[1]
    moved = scores.copy()
    np.put_along_axis(moved, top, -np.inf, axis=1)
    if k < scores.shape[1]:
        moved -= np.maximum(moved.max(axis=1) - new.min(axis=1), 0)[:, None]
    np.put_along_axis(moved, top, new, axis=1)
    return moved
