"""The nearest of many points, a block of them at a time."""

from __future__ import annotations

import numpy as np
import torch


def nearest(
    queries: np.ndarray, points: np.ndarray, k: int, block: int = 16384, rows: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` points with the largest inner product with each query, exactly, best first.

    Parameters
    ----------
    queries, points : ndarray of shape (q, d), (m, d)
        Of unit length, where the cosine is meant. ``points`` may be memory-mapped: each block is read once for every
        ``rows`` queries.
    k : int
        At most m are returned.
    block, rows : int
        Points and queries at a time; memory beyond the result is O(block (d + rows)).

    Returns
    -------
    index, similarity : ndarray of shape (q, min(k, m))
        Integers and float32.

    Notes
    -----
    Cost: O(q m d), as matrix products.
    """
    k = min(k, len(points))
    index, similarity = np.empty((len(queries), k), dtype=np.int64), np.empty((len(queries), k), dtype=np.float32)
    for begin in range(0, len(queries), rows):
        part = slice(begin, begin + rows)
        Q = torch.from_numpy(np.ascontiguousarray(queries[part], dtype=np.float32))
        best, at = torch.empty(len(Q), 0), torch.empty(len(Q), 0, dtype=torch.int64)
        for start in range(0, len(points), block):
            P = torch.from_numpy(np.array(points[start : start + block], dtype=np.float32))
            found = (Q @ P.T).topk(min(k, len(P)), dim=1)
            best, at = torch.cat([best, found.values], 1), torch.cat([at, found.indices + start], 1)
            if best.shape[1] > k:
                best, kept = best.topk(k, dim=1)
                at = at.gather(1, kept)
        index[part], similarity[part] = at.numpy(), best.numpy()
    return index, similarity
