"""Linear models: any smooth convex loss by L-BFGS, a multi-class hinge by its dual."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from zorse.nn.simplex import onto_simplex

Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


def minimise_linear(
    X: np.ndarray, s: int, loss: Loss, *, penalty: np.ndarray, curvature: float, max_iter: int = 500
) -> np.ndarray:
    """W (d, s) that minimises loss(X W) + sum_j penalty_j / 2 ||w_j||^2 from a start at 0, for a smooth loss.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    s : int
        Columns of W.
    loss : callable
        From scores (n, s) to its value and its slope with respect to them.
    penalty : ndarray of shape (d,)
        Of each row of W; 0 leaves an intercept free.
    curvature : float
        Of the loss with respect to a score, as it is at the start. In units of the curvature, L^T W with
        L L^T = diag(penalty) + curvature X^T X, L-BFGS needs few steps.
    max_iter : int
        Where it is reached, a ConvergenceWarning says so.

    Notes
    -----
    Cost: O(n d^2 + d^3) and O((n + d) d s) an iteration.
    """
    M = curvature * (X.T @ X)
    M[np.diag_indices_from(M)] += penalty + 1e-9 * max(1.0, M.max())
    L = cholesky(M, lower=True)
    scaled = solve_triangular(L, X.T, lower=True).T

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        Z = flat.reshape(len(L), s)
        W = solve_triangular(L, Z, lower=True, trans=1)
        weighted = penalty[:, None] * W
        value, slope = loss(scaled @ Z)
        pull = solve_triangular(L, weighted, lower=True)
        return value + (weighted * W).sum() / 2, (pull + scaled.T @ slope).ravel()

    start = np.zeros(len(L) * s)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": max_iter})
    if found.status == 1:
        warnings.warn(
            f"L-BFGS stopped after {found.nit} iterations, before its minimum", ConvergenceWarning, stacklevel=2
        )
    return solve_triangular(L, found.x.reshape(len(L), s), lower=True, trans=1)


def minimise_hinge(
    X: np.ndarray, target: np.ndarray, margins: np.ndarray, *, penalty: float, max_iter: int = 1000, gap: float = 1e-3
) -> np.ndarray:
    """W (s, d) that minimises the mean of max_c (margins[y, c] + w_c x - w_y x) + penalty / 2 ||W||^2.

    Its kinks stop a method that follows slopes; the dual has none. There each sample has a point p of the simplex, W is
    sum_i (e_y - p) x^T / (n penalty), and one sample after the other moves to its best p, a projection. Samples that
    stood still wait for every tenth pass.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    target : ndarray of shape (n,)
        Classes, from 0.
    margins : ndarray of shape (s, s)
        Of class y against class c, 0 on the diagonal.
    penalty : float
        Above 0.
    max_iter : int
        Passes; where they run out, a ConvergenceWarning says how far the minimum may be. Samples far from 0 in units of
        their spread need many.
    gap : float
        How far above the dual's value, in units of its own, the objective may end.

    Notes
    -----
    Cost: O(m s (d + log s)) a pass over the m samples that move, and O(n s d) every tenth.
    """
    n, s, at = len(X), len(margins), np.arange(len(X))
    wanted, least = margins[target], 1e-10 * margins.max()
    lengths = (X**2).sum(axis=1) / (n * penalty)
    every = np.flatnonzero(lengths > 0)
    P = np.eye(s)[np.where(lengths > 0, target, wanted.argmax(axis=1))]  # a sample of zeros misses its whole margin
    W = np.zeros((s, X.shape[1]))
    order, active = np.random.RandomState(0), every
    best, lowest, bound = W.copy(), wanted.max(axis=1).mean(), 0.0
    for i in range(max_iter):
        moved = []
        for j in order.permutation(active):
            new = onto_simplex(P[j] + (wanted[j] + W @ X[j]) / lengths[j])
            change = P[j] - new
            if np.abs(change).max() * lengths[j] > least:
                some = np.flatnonzero(change)
                W[some] += np.outer(change[some] / (n * penalty), X[j])
                P[j] = new
                moved.append(j)
        active = np.array(moved, dtype=int)
        if i % 10 == 9 or not moved or i + 1 == max_iter:
            scores, squares = X @ W.T, penalty / 2 * (W**2).sum()
            value = (wanted + scores - scores[at, target][:, None]).max(axis=1).mean() + squares
            bound = max(bound, (wanted * P).sum() / n - squares)
            if value < lowest:
                best, lowest = W.copy(), value
            if value - bound <= gap * value:
                return W
            active = every
    told = f"its objective is {lowest:.3g}, its minimum at least {bound:.3g}"
    warnings.warn(f"the multi-class hinge was left after {max_iter} passes: {told}", ConvergenceWarning, stacklevel=2)
    return best
