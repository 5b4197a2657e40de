"""Divergences against loops and their own limits."""

import math

import pytest
import torch

from zorse.nn import bhattacharyya, kullback_leibler, mmd, renyi, sharma_mittal, tsallis


@pytest.fixture
def probabilities():
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(6, 5, generator=generator, dtype=torch.float64).softmax(1) for _ in range(2)]


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.7), (0.8, 0.2), (2.0, 0.5), (0.5, 3.0)])
def test_sharma_mittal_agrees_with_loops(probabilities, alpha, beta):
    p, q = probabilities
    total = 0.0
    for i in range(len(p)):
        overlap = sum(a.item() ** alpha * b.item() ** (1 - alpha) for a, b in zip(p[i], q[i]))
        total += (overlap ** ((1 - beta) / (1 - alpha)) - 1) / (beta - 1)
    assert sharma_mittal(p, q, alpha, beta).item() == pytest.approx(total / len(p))


def test_the_family_consists_of_limits_of_sharma_mittal(probabilities):
    p, q = probabilities
    near = 1 + 1e-7
    assert sharma_mittal(p, q, 0.4, near).item() == pytest.approx(renyi(p, q, 0.4).item(), rel=1e-5)
    assert sharma_mittal(p, q, 0.4, 0.4).item() == pytest.approx(tsallis(p, q, 0.4).item())
    assert sharma_mittal(p, q, near, 1 + 2e-7).item() == pytest.approx(kullback_leibler(p, q).item(), rel=1e-5)
    assert sharma_mittal(p, q, 0.5, near).item() == pytest.approx(2 * bhattacharyya(p, q).item(), rel=1e-5)


def test_kullback_leibler_and_bhattacharyya_agree_with_loops(probabilities):
    p, q = probabilities
    kl = sum(a * math.log(a / b) for r, s in zip(p.tolist(), q.tolist()) for a, b in zip(r, s)) / len(p)
    assert kullback_leibler(p, q).item() == pytest.approx(kl)
    rows = [-math.log(sum(math.sqrt(a * b) for a, b in zip(r, s))) for r, s in zip(p.tolist(), q.tolist())]
    assert bhattacharyya(p, q).item() == pytest.approx(sum(rows) / len(rows))


@pytest.mark.parametrize(
    "divergence",
    [
        lambda p, q: sharma_mittal(p, q, 0.3, 0.6),
        lambda p, q: renyi(p, q, 0.3),
        lambda p, q: tsallis(p, q, 0.3),
        bhattacharyya,
        kullback_leibler,
    ],
)
def test_a_divergence_is_zero_between_equals_alone_and_blind_to_the_order_of_events(probabilities, divergence):
    p, q = probabilities
    assert divergence(p, p).item() == pytest.approx(0, abs=1e-12)
    assert divergence(p, q) > 0.01
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(divergence(p[:, order], q[:, order]), divergence(p, q))
    certain = torch.eye(5)[:2].requires_grad_()  # zeros in both
    divergence(certain, torch.full((5,), 0.2)).backward()
    assert torch.isfinite(certain.grad).all()


def test_sharma_mittal_is_differentiable_in_its_orders(probabilities):
    p, q = probabilities
    orders = torch.tensor([0.3, 0.6], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda o: sharma_mittal(p, q, o[0], o[1]), orders)


@pytest.fixture
def samples():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(9, 4, generator=generator, dtype=torch.float64), torch.randn(
        7, 4, generator=generator, dtype=torch.float64
    ) + 1


def test_mmd_agrees_with_loops(samples):
    p, q = samples
    rows = [r.tolist() for r in torch.cat([p, q])]
    apart = [[sum((a - b) ** 2 for a, b in zip(r, s)) for s in rows] for r in rows]
    scale = sum(map(sum, apart)) / (16 * 15)

    def mean(left, right):
        values = [math.exp(-apart[i][j] / (w * scale)) for i in left for j in right for w in (0.5, 2.0)]
        return sum(values) / len(values)

    first, second = range(9), range(9, 16)
    expected = mean(first, first) + mean(second, second) - 2 * mean(first, second)
    assert mmd(p, q, widths=(0.5, 2.0)).item() == pytest.approx(expected)


def test_mmd_is_symmetric_without_units_and_zero_between_equals(samples):
    p, q = samples
    torch.testing.assert_close(mmd(q, p), mmd(p, q))
    torch.testing.assert_close(mmd(10 * p + 3, 10 * q + 3), mmd(p, q))
    assert mmd(p, p.flip(0)).item() == pytest.approx(0, abs=1e-12)
    assert mmd(p, q) > mmd(p, q - 1) > 0
