import numpy as np
import pytest

from zorse.nn.shifted import ShiftedSystems

RNG = np.random.RandomState(0)


@pytest.mark.parametrize("d", [1, 2, 7, 80])
@pytest.mark.parametrize("rank", [3, 200])
def test_agrees_with_a_dense_solve(d, rank):
    root = RNG.randn(rank, d)
    G, B = root.T @ root, RNG.randn(d, 4)
    systems = ShiftedSystems(G.copy())
    rotated = systems.rotated(B)
    np.testing.assert_allclose(systems.back(rotated), B, atol=1e-12)
    for shift, scale in ((0.1, 1.0), (5.0, 0.3)):
        W = systems.back(systems.solve_rotated(rotated, shift, scale))
        np.testing.assert_allclose(W, np.linalg.solve(scale * G + shift * np.eye(d), B), rtol=1e-8, atol=1e-10)


def test_a_shift_that_leaves_it_indefinite_is_an_error():
    systems = ShiftedSystems(np.diag([1.0, 2.0, 3.0]))
    with pytest.raises(np.linalg.LinAlgError, match="shift -2"):
        systems.solve_rotated(np.ones((3, 1)), -2.0)
