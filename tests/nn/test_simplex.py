import numpy as np
import pytest
from scipy.optimize import minimize

from zorse.nn.simplex import mixtures, onto_simplex, softmax_of_entropy

RNG = np.random.RandomState(0)


def test_projection_is_the_nearest_point_of_the_simplex():
    V = RNG.randn(20, 6) * 2
    P = onto_simplex(V)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert (P >= 0).all()
    # For the nearest point P no other point Q of the simplex lies on the far side: (V - P) (Q - P) <= 0.
    Q = RNG.dirichlet(np.ones(6), 200)
    assert (np.einsum("ij,ikj->ik", V - P, Q - P[:, None]) < 1e-12).all()
    np.testing.assert_allclose(onto_simplex(Q), Q)


@pytest.mark.parametrize("gamma", [1e-3, 1.0])
def test_mixtures_agree_with_a_general_solver(gamma):
    parts, targets = RNG.randn(5, 4), RNG.randn(3, 4)
    Z = mixtures(targets, parts, gamma)
    for z, target in zip(Z, targets, strict=True):
        objective = lambda q, t=target: ((t - q @ parts) ** 2).sum() + gamma * (q**2).sum()  # noqa: E731
        sums = {"type": "eq", "fun": lambda q: q.sum() - 1}
        best = minimize(objective, np.full(5, 0.2), bounds=[(0, 1)] * 5, constraints=sums, method="SLSQP", tol=1e-14)
        np.testing.assert_allclose(z, best.x, atol=1e-5)
        assert objective(z) <= best.fun + 1e-9


def test_a_part_is_its_own_mixture_where_the_penalty_is_small():
    parts = RNG.randn(4, 6)
    np.testing.assert_allclose(mixtures(parts, parts, 1e-8), np.eye(4), atol=1e-6)


def test_a_softmax_has_the_entropy_asked_for():
    V = np.random.default_rng(0).normal(size=(40, 7)) * np.logspace(-9, 3, 40)[:, None]
    for share in (0.999, 0.85, 0.5, 0.05):
        W = softmax_of_entropy(V, share * np.log(7))
        np.testing.assert_allclose(-(W * np.log(np.maximum(W, 1e-300))).sum(axis=1), share * np.log(7), atol=1e-9)
        np.testing.assert_array_equal(np.argsort(W, axis=1), np.argsort(V, axis=1))
    np.testing.assert_array_equal(softmax_of_entropy(np.ones((2, 4)), 0.3), np.full((2, 4), 0.25))
    np.testing.assert_allclose(softmax_of_entropy(np.array([[1.0, 1, 0]]), 0.1), [[0.5, 0.5, 0]], atol=1e-9)
