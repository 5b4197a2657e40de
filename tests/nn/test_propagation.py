import numpy as np
import pytest
from scipy import sparse

from zorse.core import InputError
from zorse.nn.propagation import propagate, symmetric_normalised


def graph(n=60, degree=4, seed=0):
    rng = np.random.default_rng(seed)
    A = sparse.random_array((n, n), density=degree / n, rng=rng).tocsr()
    return (A + A.T).tocsr()


def test_normalised_by_loops():
    W = graph().toarray()
    W[3] = W[:, 3] = 0  # a node without edges
    expected = np.zeros_like(W)
    off = W - np.diag(np.diag(W))
    for i, j in zip(*off.nonzero(), strict=True):
        expected[i, j] = off[i, j] / np.sqrt(off[i].sum() * off[j].sum())
    np.testing.assert_allclose(symmetric_normalised(sparse.csr_array(W)).toarray(), expected)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.95])
def test_propagation_is_the_dense_solve(alpha):
    S, columns = symmetric_normalised(graph()), np.array([5, 0, 17])
    exact = np.linalg.solve(np.eye(60) - alpha * S.toarray(), np.eye(60)[:, columns])
    np.testing.assert_allclose(propagate(S, columns, alpha, block=2), exact, atol=3e-5 if alpha > 0.9 else 2e-6)


def test_a_tolerance_stops_earlier():
    S = symmetric_normalised(graph())
    exact = np.linalg.inv(np.eye(60) - 0.9 * S.toarray())[:, :5]
    off = [np.abs(propagate(S, np.arange(5), 0.9, tolerance=t) - exact).max() for t in (1e-1, 1e-3, 1e-6)]
    assert off[0] > off[1] > off[2]


def test_alpha_one_has_no_solution():
    with pytest.raises(InputError, match="alpha"):
        propagate(graph(), np.arange(3), 1.0)
