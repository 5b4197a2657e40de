"""Mixtures: least squares whose weights are not negative and sum to 1."""

from __future__ import annotations

import numpy as np


def onto_simplex(V: np.ndarray) -> np.ndarray:
    """The nearest point of the probability simplex to each row of V (n, s); O(n s log s)."""
    descending = -np.sort(-V, axis=1)
    excess = (np.cumsum(descending, axis=1) - 1) / np.arange(1, V.shape[1] + 1)
    last = (descending > excess).sum(axis=1) - 1  # how many entries stay above 0
    return np.maximum(V - np.take_along_axis(excess, last[:, None], axis=1), 0)


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
