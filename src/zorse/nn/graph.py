"""Graphs as matrices: adjacency, its normalisations, convolution over it, sets of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from scipy.sparse import coo_matrix, csr_matrix, diags
from torch import Tensor, nn

from zorse.nn.vectors import cosine


def adjacency(edges: np.ndarray, n_nodes: int, *, directed: bool = False, self_loops: bool = True) -> csr_matrix:
    """Matrix A (m, m) of zeros and ones, A[i, j] = 1 where node i hears of node j.

    An edge (j, i) leaves j and enters i; unless ``directed`` it also carries the other way. Edges that occur more than
    once count once.
    """
    source, target = edges.reshape(-1, 2).T
    if not directed:
        source, target = np.concatenate([source, target]), np.concatenate([target, source])
    if self_loops:
        source, target = (np.concatenate([one, np.arange(n_nodes)]) for one in (source, target))
    A = coo_matrix((np.ones(len(source)), (target, source)), shape=(n_nodes, n_nodes)).tocsr()
    A.data[:] = 1.0
    return A


def symmetric(A: csr_matrix) -> csr_matrix:
    """D^-1/2 A D^-1/2 with D the row sums of A; a node without edges stays without."""
    degree = np.asarray(A.sum(axis=1)).ravel()
    scale = diags(np.where(degree > 0, degree, 1) ** -0.5)
    return (scale @ A @ scale).tocsr()


def by_rows(A: csr_matrix) -> csr_matrix:
    """D^-1 A: every row sums to 1; a node without edges stays without."""
    degree = np.asarray(A.sum(axis=1)).ravel()
    return (diags(1 / np.where(degree > 0, degree, 1)) @ A).tocsr()


def to_tensor(A: csr_matrix, device: torch.device | str = "cpu") -> Tensor:
    """A as a sparse float32 tensor, to be multiplied from the left."""
    A = A.tocoo()
    at = torch.as_tensor(np.stack([A.row, A.col]).astype(np.int64))
    values = torch.as_tensor(A.data, dtype=torch.float32)
    return torch.sparse_coo_tensor(at, values, A.shape, is_coalesced=True, check_invariants=False).to(device)


def convolve(A: Tensor, H: Tensor, layer: nn.Linear) -> Tensor:
    """One graph convolution, A H W + b of H (m, d); multiplied in the order that costs less."""
    if layer.in_features <= layer.out_features:
        return layer(torch.sparse.mm(A, H))
    mixed = torch.sparse.mm(A, H @ layer.weight.T)
    return mixed if layer.bias is None else mixed + layer.bias


def graph_network(
    A: Tensor,
    H: Tensor,
    layers: Iterable[nn.Linear],
    *,
    activation: Callable[[Tensor], Tensor] = torch.relu,
    dropout: Callable[[int], float] = lambda layer: 0.0,
) -> Tensor:
    """Convolutions of H (m, d) with ``activation`` between them and none after the last.

    ``dropout(i)`` of what enters layer i is set to 0, by torch's global generator; give it while training alone.
    """
    for i, layer in enumerate(layers):
        H = activation(H) if i else H
        H = convolve(A, nn.functional.dropout(H, dropout(i)), layer)
    return H


def nearest_edges(vectors: np.ndarray, k: int, among: np.ndarray | None = None, above: float = -np.inf) -> np.ndarray:
    """Edges (e, 2) into each row of ``vectors`` (m, d) from the ``k`` rows of ``among`` with the highest cosine.

    Only where it exceeds ``above``. ``among`` is ``vectors`` itself unless given, and then a row has no edge from
    itself. Rows equally near take the first. O(m m' d).
    """
    own = among is None
    likeness = cosine(vectors, vectors if among is None else among).round(12)  # no tie is decided by the last digit
    if own:
        np.fill_diagonal(likeness, -np.inf)
    k = min(k, likeness.shape[1] - own)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :k]
    near = np.take_along_axis(likeness, nearest, axis=1) > above
    return np.stack([nearest[near], np.nonzero(near)[0]], axis=1)


def neighbour_sets(
    weights: csr_matrix, size: int, *, first: int = 0, with_self: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The ``size`` neighbours of largest weight, above 0, of each node, as padded sets.

    Row i of ``weights`` (b, m) belongs to node ``first`` + i. Equal weights take the lower node. ``with_self`` puts the
    node itself first, beside the ``size``; without it a node that has no neighbour stands alone: no set is empty.

    Returns
    -------
    index : ndarray of shape (b, s)
        The neighbours, filled up with the node itself.
    mask : ndarray of bool, shape (b, s)
        Which of them are in the set.
    """
    weights = weights.tocsr()
    sets = []
    for i in range(weights.shape[0]):
        own = slice(weights.indptr[i], weights.indptr[i + 1])
        nodes, weight = weights.indices[own], weights.data[own]
        kept = (weight > 0) & (nodes != first + i)
        nodes, weight = nodes[kept], weight[kept]
        best = nodes[np.lexsort((nodes, -weight))][:size]
        sets.append(np.append(first + i, best) if with_self or not len(best) else best)
    return _padded(sets, first)


def _padded(sets: list[np.ndarray], first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    own = first + np.arange(len(sets))
    index = np.repeat(own[:, None], max(map(len, sets), default=0), axis=1)
    mask = np.zeros(index.shape, dtype=bool)
    for i, nodes in enumerate(sets):
        index[i, : len(nodes)], mask[i, : len(nodes)] = nodes, True
    return index, mask


def sampled_neighbours(A: csr_matrix, size: int, rng: np.random.RandomState, *, with_self: bool = True):
    """As :func:`neighbour_sets`, of ``size`` neighbours drawn at random without replacement; all where fewer are."""
    A = A.tocsr().copy()
    A.data = np.where(A.data > 0, 1 + rng.rand(len(A.data)), 0.0)
    return neighbour_sets(A, size, with_self=with_self)


def visited_neighbours(A: csr_matrix, size: int, steps: int, *, block: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`neighbour_sets`, of the nodes that a random walk of ``steps`` steps from a node visits most often.

    The expected visits are exact, P + P^2 + .. with P = D^-1 A, computed for ``block`` nodes at a time, so that memory
    stays at ``block`` rows of m.
    """
    P = by_rows(A)
    sets: list[np.ndarray] = []
    for first in range(0, P.shape[0], block):
        walk = total = P[first : first + block]
        for _ in range(steps - 1):
            walk = walk @ P
            total = total + walk
        total.data = total.data.round(12)  # no tie is decided by the last digit
        index, mask = neighbour_sets(total, size, first=first)
        sets += [nodes[own] for nodes, own in zip(index, mask, strict=True)]
    return _padded(sets)


def set_attention(H: Tensor, index: Tensor, mask: Tensor, layers: nn.ModuleDict, dropout: float = 0.0) -> Tensor:
    """One transformer layer with one head over each set of rows of H (m, d), then the mean of the set, (b, d).

    Set i holds the rows ``index[i]`` (b, s) where ``mask[i]`` is true; what stands elsewhere changes nothing.
    ``layers`` are :func:`set_attention_layers`. The feed-forward part and the projections come before the rows meet, so
    that they are computed once a row, however many sets it is in: O(m d p + b s (s p + p d)) for projections of p.
    """
    drop = lambda x: nn.functional.dropout(x, dropout)  # noqa: E731
    H = layers["norm_inner"](H + drop(layers["outer"](torch.relu(layers["inner"](H)))))
    q, k, v = (layers[name](H)[index] for name in ("query", "key", "value"))
    weight = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    weight = drop(weight.masked_fill(~mask[:, None, :], -torch.inf).softmax(dim=-1))
    out = layers["norm"](H[index] + drop(layers["join"](weight @ v)))
    return (out * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def set_attention_layers(width: int, projection: int, inner: int) -> nn.ModuleDict:
    """Weights of :func:`set_attention` for vectors of ``width`` dimensions."""
    return nn.ModuleDict(
        {
            "inner": nn.Linear(width, inner),
            "outer": nn.Linear(inner, width),
            "norm_inner": nn.LayerNorm(width),
            "query": nn.Linear(width, projection),
            "key": nn.Linear(width, projection),
            "value": nn.Linear(width, projection),
            "join": nn.Linear(projection, width),
            "norm": nn.LayerNorm(width),
        }
    )
