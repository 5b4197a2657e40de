import numpy as np
import pytest
import torch

from zorse.core import InputError
from zorse.methods.adaptation.poda import PODA

rng = np.random.default_rng(0)
X = np.abs(rng.standard_normal((6, 2, 2, 5)))
Y = ["a", "b"] * 3
TARGET = rng.standard_normal(5)


def test_the_statistics_go_where_gradient_descent_by_hand_takes_them():
    target, n = TARGET / np.linalg.norm(TARGET), 3
    model = PODA(TARGET, iterations=n, lr=0.5, device="cpu", random_state=0).fit(X, Y)
    after = []
    for grid in X.astype(np.float32).reshape(6, 4, 5):
        f, t = torch.tensor(grid), torch.tensor(target, dtype=torch.float32)
        m_f, s_f = f.mean(dim=0), f.std(dim=0, unbiased=False) + 1e-5
        m, s, speed = m_f.clone(), s_f.clone(), [0, 0]
        for _ in range(n):
            m, s = m.detach().requires_grad_(), s.detach().requires_grad_()
            v = (s.clamp(min=0) * (f - m_f) / s_f + m).relu().mean(dim=0)
            slopes = torch.autograd.grad((1 - v @ t / v.norm()) / 16, (m, s))
            speed = [0.9 * b + g + 1e-4 * p for b, g, p in zip(speed, slopes, (m, s))]
            m, s = m - 0.5 * speed[0], s - 0.5 * speed[1]
        v = (s.clamp(min=0) * (f - m_f) / s_f + m).relu().mean(dim=0)
        after.append(float((v @ t / v.norm()).detach()))
    assert model.nearness_[1] == pytest.approx(np.mean(after), abs=1e-5)
    assert model.nearness_[1] > model.nearness_[0]


def test_without_iterations_nothing_has_moved():
    model = PODA(TARGET, iterations=0, device="cpu", random_state=0).fit(X, Y)
    pooled = X.mean(axis=(1, 2))
    np.testing.assert_allclose(model.moved_, pooled / np.linalg.norm(pooled, axis=1, keepdims=True), atol=1e-4)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"head must be of shape \(d, 5\)"):
        PODA(head=np.ones((3, 4)), device="cpu").fit(X, Y)
    with pytest.raises(InputError, match="target must be of length 5"):
        PODA(np.ones(3), device="cpu").fit(X, Y)
