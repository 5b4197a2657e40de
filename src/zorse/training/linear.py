"""Linear models with any convex loss, by L-BFGS in coordinates where all directions are alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


def minimise_linear(
    X: np.ndarray, s: int, loss: Loss, *, penalty: np.ndarray, curvature: float, max_iter: int = 500
) -> np.ndarray:
    """W (d, s) that minimises loss(X W) + sum_j penalty_j / 2 ||w_j||^2 from a start at 0.

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
    Z = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": max_iter}).x.reshape(len(L), s)
    return solve_triangular(L, Z, lower=True, trans=1)
