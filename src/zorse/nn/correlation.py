"""Directions in which several views of the same samples agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular


def multi_view_cca(
    views: Sequence[np.ndarray], n_components: int | None = None, ridge: float = 1e-3
) -> tuple[list[np.ndarray], np.ndarray]:
    """Canonical correlation analysis of several views: sum_{j != i} S_ij W_j = S_ii W_i diag(eigenvalues).

    Parameters
    ----------
    views : sequence of ndarray of shape (n, d_i)
        The same n samples, centred.
    n_components : int, optional
        How many directions; default all whose eigenvalue is above 0, in which views agree more than not.
    ridge : float
        Share of a view's mean variance that is added to S_ii, so that directions with next to no variance count little.

    Returns
    -------
    maps : list of ndarray of shape (d_i, m)
        W_i; over all views W_i^T S_ii W_i adds up to the identity.
    eigenvalues : ndarray of shape (m,)
        Descending. Of two views they are the canonical correlations; of v views at most v - 1.

    Notes
    -----
    Cost: O(n d^2 + d^3) for d = sum of d_i.
    """
    n, edges = len(views[0]), np.cumsum([0, *(view.shape[1] for view in views)])
    whitened, roots = [], []
    for view in views:
        S = view.T @ view / n
        S += ridge * np.trace(S) / len(S) * np.eye(len(S))
        roots.append(cholesky(S, lower=True))
        whitened.append(solve_triangular(roots[-1], view.T, lower=True))
    Z = np.concatenate(whitened)
    M = Z @ Z.T / n
    for i in range(len(views)):
        M[edges[i] : edges[i + 1], edges[i] : edges[i + 1]] = 0
    m = int(edges[-1]) if n_components is None else min(n_components, int(edges[-1]))
    values, vectors = eigh(M, subset_by_index=[len(M) - m, len(M) - 1])
    kept = np.flatnonzero(values > 1e-12)[::-1]
    maps = [
        solve_triangular(root, vectors[edges[i] : edges[i + 1], kept], lower=True, trans="T")
        for i, root in enumerate(roots)
    ]
    return maps, values[kept]
