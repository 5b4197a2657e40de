"""Graph parts at the size of WordNet above ImageNet-21k: 32,000 nodes, a tree with some second parents.

``pytest benchmarks/test_graph.py --benchmark-only``. A dense matrix of that size would take 4 GB and a product with it
two thousand times the multiplications.
"""

import numpy as np
import pytest
import torch
from torch import nn

from zorse.nn.graph import adjacency, convolve, neighbour_sets, symmetric, to_tensor, visited_neighbours

NODES, WIDTH = 32_000, 300


@pytest.fixture(scope="module")
def edges():
    rng = np.random.default_rng(0)
    child = np.arange(1, NODES)
    first = (child * rng.random(NODES - 1)).astype(int)  # every node but the root hangs below an earlier one
    second = rng.integers(NODES, size=(NODES // 50, 2))
    return np.concatenate([np.stack([first, child], axis=1), second])


def test_normalised_adjacency(benchmark, edges):
    S = benchmark(lambda: to_tensor(symmetric(adjacency(edges, NODES))))
    assert S.shape == (NODES, NODES)


def test_convolution_forward_and_back(benchmark, edges):
    S, layer = to_tensor(symmetric(adjacency(edges, NODES))), nn.Linear(WIDTH, 512)
    H = torch.randn(NODES, WIDTH)

    def step():
        layer.zero_grad()
        convolve(S, H, layer).square().mean().backward()

    benchmark.pedantic(step, rounds=3)
    assert layer.weight.grad.abs().sum() > 0


def test_neighbours_that_a_walk_visits(benchmark, edges):
    A = adjacency(edges, NODES, self_loops=False)
    index, mask = benchmark.pedantic(visited_neighbours, (A, 20, 3), rounds=1)
    assert index.shape == mask.shape == (NODES, 21)


def test_neighbour_sets(benchmark, edges):
    A = adjacency(edges, NODES, self_loops=False)
    index, mask = benchmark.pedantic(neighbour_sets, (A, 10), rounds=2)
    assert mask.any(axis=1).all()
    assert (index < NODES).all()
