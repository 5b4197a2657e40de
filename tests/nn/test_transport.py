import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment, linprog

from zorse.core import InputError
from zorse.nn.transport import sinkhorn, transport_cost


def drawn(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_a_small_epsilon_finds_the_best_assignment():
    cost = drawn(6, 6)
    rows, columns = linear_sum_assignment(cost.numpy())
    plan = sinkhorn(cost, 1e-3, n_iter=5000)
    best = torch.zeros(6, 6, dtype=torch.float64)
    best[rows, columns] = 1 / 6
    torch.testing.assert_close(plan, best, atol=1e-4, rtol=0)


def test_with_weights_it_is_the_linear_programme():
    cost, a, b = drawn(4, 5), drawn(4, seed=1), drawn(5, seed=2)
    a, b = a / a.sum(), b / b.sum()
    sums = np.concatenate([np.kron(np.eye(4), np.ones(5)), np.kron(np.ones(4), np.eye(5))])
    exact = linprog(cost.numpy().ravel(), A_eq=sums, b_eq=np.concatenate([a, b])).fun
    assert float(transport_cost(cost, 1e-3, a, b, n_iter=5000)) == pytest.approx(exact, abs=1e-4)


def naive(cost, epsilon, n_iter):
    """The scaling of a matrix by turns, as Cuturi (2013) writes it."""
    K = np.exp(-cost / epsilon)
    u, v = np.ones(len(K)), np.ones(K.shape[1])
    for _ in range(n_iter):
        for i in range(len(u)):
            u[i] = 1 / len(u) / (K[i] @ v)
        for j in range(len(v)):
            v[j] = 1 / len(v) / (K[:, j] @ u)
    return u[:, None] * K * v


def test_agrees_with_scaling_by_turns_in_a_batch():
    cost = drawn(3, 4, 7)
    ours = sinkhorn(cost, 0.1, n_iter=20, tolerance=0)
    for one, plan in zip(cost, ours, strict=True):
        np.testing.assert_allclose(plan, naive(one.numpy(), 0.1, 20), rtol=1e-10)


def test_marginals_and_the_far_end():
    a, b = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.1, 0.2, 0.7])
    plan = sinkhorn(drawn(3, 3).float(), 0.1, a, b, n_iter=1000)
    torch.testing.assert_close(plan.sum(1), a, atol=1e-5, rtol=0)
    torch.testing.assert_close(plan.sum(0), b, atol=1e-5, rtol=0)
    torch.testing.assert_close(sinkhorn(drawn(3, 3).float(), 1e5, a, b), a[:, None] * b, atol=1e-5, rtol=0)


def test_large_costs_do_not_overflow():
    cost = 1e4 * drawn(5, 5)
    assert not (-cost / 0.01).exp().any()  # what would be scaled without logarithms
    torch.testing.assert_close(sinkhorn(cost, 0.01, n_iter=500).sum(dim=0), torch.full((5,), 0.2, dtype=torch.float64))


def test_the_gradient_is_that_of_the_smoothed_optimum():
    cost, step = drawn(4, 4), 1e-5

    def smoothed(c):
        plan = sinkhorn(c, 0.1, n_iter=2000, tolerance=1e-14)
        return float((plan * c).sum() + 0.1 * torch.special.xlogy(plan, plan).sum())

    variable = cost.clone().requires_grad_()
    transport_cost(variable, 0.1, n_iter=2000, tolerance=1e-14).backward()
    for i, j in [(0, 0), (1, 3), (2, 2)]:
        moved = cost.clone()
        moved[i, j] += step
        assert float(variable.grad[i, j]) == pytest.approx((smoothed(moved) - smoothed(cost)) / step, abs=1e-4)


def test_epsilon_must_be_positive():
    with pytest.raises(InputError, match="epsilon"):
        sinkhorn(drawn(2, 2), 0.0)
