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
    target, head, offset = TARGET / np.linalg.norm(TARGET), rng.standard_normal((5, 5)), rng.standard_normal(5)
    model = PODA(TARGET, head, offset, iterations=12, lr=16.0, device="cpu", random_state=0).fit(X, Y)
    after, stopped = [], 0
    W, o, t = (torch.tensor(part, dtype=torch.float32) for part in (head, offset, target))
    for grid in X.astype(np.float32).reshape(6, 4, 5):
        f = torch.tensor(grid)
        m_f, s_f = f.mean(dim=0), f.std(dim=0, unbiased=False) + 1e-5
        m, s, speed = m_f.clone(), s_f.clone(), [0, 0]

        def near(m, s, f=f, m_f=m_f, s_f=s_f):
            v = W @ (s * (f - m_f) / s_f + m).relu().mean(dim=0) + o
            return v @ t / v.norm()

        for step in range(12):
            m, s = m.detach().requires_grad_(), s.detach().clamp(min=0).requires_grad_()
            slopes = torch.autograd.grad((1 - near(m, s)) / 16, (m, s))
            speed = [0.9 * b + g + 1e-4 * p for b, g, p in zip(speed, slopes, (m, s))]
            m, s = m - 16.0 * speed[0], s - 16.0 * speed[1]
            stopped += int((s < 0).sum()) if step < 10 else 0
        after.append(float(near(m, s.clamp(min=0)).detach()))
    assert stopped > 0
    assert model.nearness_[1] == pytest.approx(np.mean(after), abs=1e-5)
    assert model.nearness_[1] > model.nearness_[0]


def test_images_take_the_statistics_of_images_drawn():
    """Without iterations these are another's own: between two images, on the way from one to the other."""
    pair = X[:2].repeat(40, axis=0)
    model = PODA(TARGET, rectified=False, iterations=0, device="cpu", random_state=0)
    moved = model.fit(pair, np.repeat(["a", "b"], 40)).moved_[:40]
    mean = pair.mean(axis=(1, 2))
    low, high = np.minimum(mean[0], mean[-1]), np.maximum(mean[0], mean[-1])
    own = np.isclose(moved, mean[0] / np.linalg.norm(mean[0]), atol=1e-4).all(axis=1)
    assert 0.25 < own.mean() < 0.75
    ratio = moved[~own] / moved[~own][:, :1]
    assert (ratio >= low / high[0] - 1e-4).all()
    assert (ratio <= high / low[0] + 1e-4).all()
    assert np.linalg.matrix_rank(moved[~own], tol=1e-2) > 2  # every channel has a share of its own


def test_what_the_last_layer_adds_counts():
    head, offset = rng.standard_normal((3, 5)), rng.standard_normal(3)
    expected = X.mean(axis=(1, 2)) @ head.T + offset
    model = PODA(head=head, offset=offset, device="cpu").fit(X, Y)
    v = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(model.scores(X), v @ model.coef_.T + model.intercept_, atol=1e-6)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"head must be of shape \(d, 5\)"):
        PODA(head=np.ones((3, 4)), device="cpu").fit(X, Y)
    with pytest.raises(InputError, match=r"offset must be of length 3; got \(4,\)"):
        PODA(head=np.ones((3, 5)), offset=np.ones(4), device="cpu").fit(X, Y)
    with pytest.raises(InputError, match="target must be of length 5"):
        PODA(np.ones(3), device="cpu").fit(X, Y)
