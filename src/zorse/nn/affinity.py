"""How alike samples are by what they are called."""

from __future__ import annotations

import numpy as np


def row_divergences(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """KL(p_i || q_j) of every row of p (n, c) from every row of q (s, c), given their logarithms; (n, s).

    sum_c p log p - p . log q: one matrix product, O(n s c), and no array of (n, s, c).
    """
    p = np.exp(log_p)
    out = p @ -log_q.T
    out += (p * log_p).sum(axis=1)[:, None]
    return out
