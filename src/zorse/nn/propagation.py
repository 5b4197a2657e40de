"""Nearest neighbours, and labels that spread along them."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zorse.core.errors import InputError
from zorse.nn.search import nearest


def symmetric_normalised(W: sparse.csr_array) -> sparse.csr_array:
    """D^-1/2 W D^-1/2 of a symmetric adjacency W (n, n) less its diagonal; a node without edges stays without."""
    W = (W - sparse.diags_array(W.diagonal())).tocsr()
    degree = np.asarray(W.sum(axis=1)).ravel()
    scale = sparse.diags_array(1 / np.sqrt(np.where(degree > 0, degree, 1)))
    return (scale @ W @ scale).tocsr()


def propagate(
    S: sparse.csr_array,
    columns: np.ndarray,
    alpha: float,
    *,
    tolerance: float = 1e-6,
    max_iter: int = 50,
    block: int = 64,
) -> np.ndarray:
    """The ``columns`` of (I - alpha S)^-1, for a symmetric S whose eigenvalues lie in [-1, 1]; shape (n, c), float32.

    Conjugate gradients on ``block`` columns at a time, so that what an iteration touches stays in the cache. The first
    two steps of the walk, which reach few nodes, are taken on sparse matrices.

    Parameters
    ----------
    S : sparse array of shape (n, n)
        Such as :func:`symmetric_normalised` gives.
    columns : ndarray of shape (c,)
        Nodes that labels spread from.
    alpha : float
        In [0, 1): how far they spread.
    tolerance : float
        A column is done when the residual is no longer than this.
    max_iter : int
        Iterations at most.

    Notes
    -----
    Cost: O(i c e) for i iterations and e edges; i grows with the square root of (1 + alpha) / (1 - alpha).
    """
    if not 0 <= alpha < 1:
        raise InputError(f"alpha must be at least 0 and below 1; got {alpha}")
    S = sparse.csr_array(S, dtype=np.float32)
    n = S.shape[0]
    out = np.empty((n, len(columns)), dtype=np.float32)
    for start in range(0, len(columns), block):
        at = columns[start : start + block]
        seeds = sparse.csr_array((np.ones(len(at), np.float32), (at, np.arange(len(at)))), shape=(n, len(at)))
        first = alpha * (S @ seeds)
        # x = (I + alpha S) e leaves the residual alpha^2 S^2 e.
        X, R = (seeds + first).toarray(), (alpha * (S @ first)).toarray()
        P, rr = R.copy(), np.einsum("ij,ij->j", R, R)
        for _ in range(max_iter):
            if rr.max() <= tolerance**2:
                break
            Q = P - alpha * (S @ P)
            step = rr / np.maximum(np.einsum("ij,ij->j", P, Q), np.finfo(np.float32).tiny)
            X += step * P
            R -= step * Q
            rr, before = np.einsum("ij,ij->j", R, R), rr
            P *= rr / np.maximum(before, np.finfo(np.float32).tiny)
            P += R
        out[:, start : start + block] = X
    return out


def telling_directions(T: np.ndarray) -> np.ndarray:
    """Right singular directions (d, r) of unit texts T (c, d) less the first, unless there is no other."""
    _, length, directions = np.linalg.svd(T, full_matrices=False)
    kept = directions[length > 1e-6 * length[0]]
    return np.ascontiguousarray((kept[1:] if len(kept) > 1 else kept).T)


def spread_from_texts(texts: np.ndarray, images: np.ndarray, k: int, alpha: float, tolerance: float) -> np.ndarray:
    """Shares (m, c) of each class in each image, spread from unit texts (c, r) along links to the ``k`` nearest nodes.

    Nodes are texts and unit images (m, r). A link weighs (1 + cosine) / 2, and half of it where only one of the two
    nodes has the other among its nearest.
    """
    nodes, c = np.concatenate([texts, images]), len(texts)
    index, similarity = nearest(nodes, nodes, k + 1)  # the first is the node itself
    weights = np.maximum(1 + similarity, 0).astype(np.float32) / 2
    ends = np.arange(0, index.size + 1, index.shape[1])
    A = sparse.csr_array((weights.ravel(), index.ravel(), ends), shape=(len(nodes), len(nodes)))
    S = symmetric_normalised(((A + A.T) / 2).tocsr())
    spread = propagate(S, np.arange(c), alpha, tolerance=tolerance, max_iter=200)[c:]
    spread = np.maximum(spread.astype(np.float64), 0)
    total = spread.sum(axis=1, keepdims=True)
    return spread / np.where(total > 0, total, 1)
