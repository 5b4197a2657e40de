"""Weights that are not negative and sum to 1: mixtures by least squares, and softmaxes of a given entropy."""

from __future__ import annotations

import numpy as np


def onto_simplex(V: np.ndarray) -> np.ndarray:
    """The nearest point of the probability simplex to V (s,), or to each row of V (n, s); O(n s log s)."""
    descending = -np.sort(-V, axis=-1)
    excess = (np.cumsum(descending, axis=-1) - 1) / np.arange(1, V.shape[-1] + 1)
    last = (descending > excess).sum(axis=-1) - 1  # how many entries stay above 0
    nearest = excess[last] if V.ndim == 1 else np.take_along_axis(excess, last[:, None], axis=1)
    return np.maximum(V - nearest, 0)


def mixtures(targets: np.ndarray, parts: np.ndarray, gamma: float, tolerance: float = 1e-10) -> np.ndarray:
    """Z (c, s), rows on the simplex, that minimise ||targets - Z parts||^2 + gamma ||Z||^2, gamma above 0.

    Parameters
    ----------
    targets : ndarray of shape (c, k)
    parts : ndarray of shape (s, k)
    gamma : float
    tolerance : float
        Largest change of a weight at which the iteration ends.

    Notes
    -----
    Accelerated projected gradient on all rows at once; O(c s k + s^3 + iterations c s^2), where iterations grow with
    the root of the condition number of parts parts^T + gamma I.
    """
    G = parts @ parts.T + gamma * np.eye(len(parts))
    B = targets @ parts.T
    values = np.linalg.eigvalsh(G)
    step, root = 1 / values[-1], (gamma / values[-1]) ** 0.5
    momentum = (1 - root) / (1 + root)
    Z = ahead = np.full((len(targets), len(parts)), 1 / len(parts))
    for _ in range(20_000):
        new = onto_simplex(ahead - step * (ahead @ G - B))
        change = np.abs(new - Z).max(initial=0)
        ahead = new + momentum * (new - Z)
        Z = new
        if change < tolerance:
            break
    return Z


def softmax_of_entropy(V: np.ndarray, entropy: float) -> np.ndarray:
    """softmax(a v) of each row v of V (n, s), with the a >= 0 at which its entropy is ``entropy`` (in nats).

    Parameters
    ----------
    V : ndarray of shape (n, s)
    entropy : float
        From 0 to log s. A row whose largest entries are equal can't fall below the logarithm of their number; there
        all weight goes to them. A row of equal entries stays uniform.

    Notes
    -----
    Entropy falls as a grows, at the rate a Var(v). All rows are solved at once by bisection, with Newton's step taken
    wherever it stays inside the bracket: O(n s) a step, ten or so steps.
    """
    V = np.asarray(V, dtype=np.float64)
    V = V - V.max(axis=1, keepdims=True)
    spread = V.std(axis=1, keepdims=True)
    V = V / np.where(spread > 0, spread, 1)
    low, high, a = np.zeros(len(V)), np.full(len(V), np.inf), np.ones(len(V))
    weights = np.full_like(V, 1 / V.shape[1])
    open_rows = np.flatnonzero(spread[:, 0] > 0)
    for _ in range(100):
        if not len(open_rows):
            break
        v, at = V[open_rows], a[open_rows]
        logits = at[:, None] * v
        w = np.exp(logits)
        total = w.sum(axis=1)
        w /= total[:, None]
        weights[open_rows] = w
        mean = (w * v).sum(axis=1)
        excess = np.log(total) - at * mean - entropy
        above = excess > 0
        low[open_rows[above]] = at[above]
        high[open_rows[~above]] = at[~above]
        slope = at * ((w * v * v).sum(axis=1) - mean * mean)
        newton = at + excess / np.where(slope > 1e-300, slope, 1e-300)
        left, right = low[open_rows], high[open_rows]
        middle = np.where(np.isinf(right), 2 * at, (left + right) / 2)
        a[open_rows] = np.where((newton > left) & (newton < np.minimum(right, 4 * at)), newton, middle)
        done = (np.abs(excess) < 1e-13) | (right - left < 1e-14 * right) | (at > 1e12)
        open_rows = open_rows[~done]
    return weights
