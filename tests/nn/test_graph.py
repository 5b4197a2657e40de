"""Every function against loops over a dense matrix."""

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn

from zorse.nn.graph import (
    adjacency,
    by_rows,
    convolve,
    graph_network,
    nearest_edges,
    neighbour_sets,
    sampled_neighbours,
    set_attention,
    set_attention_layers,
    symmetric,
    to_tensor,
    visited_neighbours,
)

RNG = np.random.RandomState(0)
M = 9
EDGES = np.array([(0, 1), (1, 2), (1, 2), (3, 1), (4, 5), (6, 4), (2, 7)])  # one twice; node 8 has none


def dense(directed=False, loops=True):
    A = np.zeros((M, M))
    for j, i in EDGES:
        A[i, j] = 1
        if not directed:
            A[j, i] = 1
    for i in range(M):
        A[i, i] = max(A[i, i], loops)
    return A


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("loops", [True, False])
def test_normalisations(directed, loops):
    A, naive = adjacency(EDGES, M, directed=directed, self_loops=loops), dense(directed, loops)
    np.testing.assert_array_equal(A.toarray(), naive)
    rows, both = np.zeros((M, M)), np.zeros((M, M))
    degree = [sum(row) for row in naive]
    for i in range(M):
        for j in range(M):
            if naive[i, j]:
                rows[i, j] = 1 / degree[i]
                both[i, j] = 1 / np.sqrt(degree[i] * (degree[j] or 1))
    np.testing.assert_allclose(by_rows(A).toarray(), rows)
    np.testing.assert_allclose(symmetric(A).toarray(), both)


def test_a_self_loop_among_the_edges_counts_once():
    A = adjacency(np.array([(0, 0), (0, 1)]), 2)
    np.testing.assert_array_equal(A.toarray(), np.ones((2, 2)))


@pytest.mark.parametrize("widths", [(5, 3), (3, 5)])
def test_convolution_is_the_sum_over_neighbours(widths):
    A, H = by_rows(adjacency(EDGES, M)), torch.randn(M, widths[0], dtype=torch.float32, requires_grad=True)
    layer = nn.Linear(*widths)
    out = convolve(to_tensor(A), H, layer)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    for i in range(M):
        total = bias.copy()
        for j in range(M):
            total = total + A[i, j] * weight @ H[j].detach().numpy()
        np.testing.assert_allclose(out[i].detach().numpy(), total, atol=1e-5)
    (slope,) = torch.autograd.grad(out.square().sum(), H)
    (expected,) = torch.autograd.grad(layer(torch.tensor(A.toarray()).float() @ H).square().sum(), H)
    torch.testing.assert_close(slope, expected)


def test_a_network_alternates_convolution_and_activation():
    A, H = symmetric(adjacency(EDGES, M)), torch.randn(M, 4)
    layers = nn.ModuleList([nn.Linear(4, 6), nn.Linear(6, 2, bias=False)])
    S = torch.tensor(A.toarray()).float()
    hidden = torch.tanh(S @ H @ layers[0].weight.T + layers[0].bias)
    out = graph_network(to_tensor(A), H, layers, activation=torch.tanh)
    torch.testing.assert_close(out, S @ hidden @ layers[1].weight.T)
    with torch.random.fork_rng():
        dropped = graph_network(to_tensor(A), H, layers, activation=torch.tanh, dropout=lambda i: float(i == 1))
    torch.testing.assert_close(dropped, torch.zeros(M, 2))  # all of what enters the last layer is gone


def test_renaming_the_nodes_renames_the_rows():
    order = RNG.permutation(M)
    H, layers = torch.randn(M, 4), nn.ModuleList([nn.Linear(4, 6), nn.Linear(6, 2)])
    renamed = np.argsort(order)[EDGES]
    out = graph_network(to_tensor(symmetric(adjacency(EDGES, M))), H, layers)
    again = graph_network(to_tensor(symmetric(adjacency(renamed, M))), H[order], layers)
    torch.testing.assert_close(again, out[order])


@pytest.mark.parametrize("others", [True, False])
def test_nearest_edges_by_exhaustive_search(others):
    V, P = RNG.randn(6, 3), RNG.randn(4, 3)
    pool = P if others else V
    found = {tuple(edge) for edge in nearest_edges(V, 2, P if others else None).tolist()}
    expected = set()
    for i, v in enumerate(V):
        likeness = [-np.inf if pool is V and i == j else v @ p / np.linalg.norm(p) for j, p in enumerate(pool)]
        expected |= {(int(j), i) for j in sorted(range(len(pool)), key=lambda j: -likeness[j])[:2]}
    assert found == expected


def test_nearest_edges_above_a_likeness():
    assert len(nearest_edges(np.eye(3), 2, above=0.0)) == 0
    V = np.array([[1.0, 0], [1, 1], [-1, -1]])
    assert nearest_edges(V, 2, above=0.0).tolist() == [[1, 0], [0, 1]]


def test_nearest_edges_when_there_are_fewer_rows():
    assert len(nearest_edges(np.eye(3), 5)) == 6
    assert len(nearest_edges(np.eye(1), 5)) == 0


@pytest.mark.parametrize("block", [4, 100])
def test_the_most_visited_by_counting_every_walk(block):
    A = adjacency(EDGES, M, self_loops=False)
    P = by_rows(A).toarray()
    expected = np.zeros((M, M))

    def walk(start, at, probability, left):
        if left == 0:
            return
        for j in range(M):
            if P[at, j]:
                expected[start, j] += probability * P[at, j]
                walk(start, j, probability * P[at, j], left - 1)

    for i in range(M):
        walk(i, i, 1.0, 3)
    index, mask = visited_neighbours(A, 2, 3, block=block)
    for i in range(M):
        others = [j for j in range(M) if j != i and expected[i, j] > 0]
        best = sorted(others, key=lambda j: (-round(expected[i, j], 12), j))[:2]
        assert index[i][mask[i]].tolist() == [i, *best]
        assert (index[i][~mask[i]] == i).all()


def test_neighbour_sets_hold_the_heaviest():
    W = sparse.csr_matrix(np.array([[5, 1, 3, 2.0], [0, 9, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]]))
    index, mask = neighbour_sets(W, 2)
    sets = [index[i][mask[i]].tolist() for i in range(4)]
    assert sets == [[0, 2, 3], [1], [2, 0, 1], [3]]
    index, mask = neighbour_sets(W, 2, with_self=False)
    assert [index[i][mask[i]].tolist() for i in range(4)] == [[2, 3], [1], [0, 1], [3]]


def test_sampled_neighbours_are_neighbours_and_each_comes_up():
    A = adjacency(np.array([(0, j) for j in range(1, 7)]), 7, self_loops=False)
    drawn = set()
    for _ in range(30):
        index, mask = sampled_neighbours(A, 2, RNG, with_self=False)
        own = index[0][mask[0]].tolist()
        assert len(set(own)) == 2
        assert set(index[3][mask[3]]) == {0}
        drawn |= set(own)
    assert drawn == set(range(1, 7))


def test_attention_over_a_set_ignores_padding_and_order():
    layers = set_attention_layers(6, 4, 5)
    H = torch.randn(7, 6)
    index, mask = torch.tensor([[3, 1, 6], [5, 0, 2]]), torch.tensor([[True, True, False], [True, True, True]])
    out = set_attention(H, index, mask, layers)
    torch.testing.assert_close(set_attention(H, index[:1, :2], mask[:1, :2], layers), out[:1])
    torch.testing.assert_close(set_attention(H, index[1:, [2, 0, 1]], mask[1:], layers), out[1:])
    changed = H.clone()
    changed[6] = 100.0
    torch.testing.assert_close(set_attention(changed, index, mask, layers), out)


def test_attention_over_a_set_as_loops():
    layers, H = set_attention_layers(4, 3, 5), torch.randn(3, 4)
    weights = {name: (layer.weight.detach(), layer.bias.detach()) for name, layer in layers.items()}
    apply = lambda name, x: weights[name][0] @ x + weights[name][1]  # noqa: E731

    def norm(name, x):
        gain, shift = weights[name]
        return gain * (x - x.mean()) / (x.var(correction=0) + 1e-5).sqrt() + shift

    inside = [norm("norm_inner", x + apply("outer", apply("inner", x).clamp(min=0))) for x in H]
    total = torch.zeros(4)
    for x in inside:
        scores = [apply("query", x) @ apply("key", other) / 3**0.5 for other in inside]
        share = [torch.exp(s) / sum(torch.exp(t) for t in scores) for s in scores]
        heard = sum(p * apply("value", other) for p, other in zip(share, inside))
        total = total + norm("norm", x + apply("join", heard)) / 3
    out = set_attention(H, torch.arange(3)[None], torch.ones(1, 3, dtype=torch.bool), layers)[0]
    torch.testing.assert_close(out.detach(), total)
