"""GAZSL's and the creative loss against loops, and what mixed class vectors are."""

import math

import pytest
import torch

from zorse.core import seeded
from zorse.data import toy_zsl
from zorse.methods.generative.cizsl import CIZSL
from zorse.nn import mixed

SIZES = {"hidden": 7, "reduced": 4, "latent": 2}


def placed(case, run, x):
    """Which class the second head sees: probabilities."""
    w1, b1, _, _, w2, b2 = case.turns["critic"].params
    logits = run([w1, b1, w2, b2], x, slope=0)
    total = sum(map(math.exp, logits))
    return [math.exp(v) / total for v in logits]


def made(case, run, z, a):
    w, b, *generator = case.nets.parameters()
    return run(generator, z + run([w, b], a), slope=0.01, out=math.tanh)


@pytest.mark.parametrize("orders", [(0.3, 0.6), None])
@pytest.mark.parametrize("creativity", [0.8, None])
@pytest.mark.parametrize("released", [False, True])
def test_generator_loss_agrees_with_loops(tiny, loss_of, run, creativity, orders, released):
    params = {"creativity": creativity, "orders": orders, "released": released, **SIZES}
    case = tiny(CIZSL, pivot=0.5, weight_norm=0.1, reduction_norm=0.2, **params)
    x, a, y = case.batch
    with seeded(9):
        noise, vectors, more = torch.randn(6, 2), mixed(a), torch.randn(6, 2)
    critic = case.turns["critic"].params[:4]
    fakes = [made(case, run, noise[i].tolist(), a[i].tolist()) for i in range(6)]
    total = 0.0
    for fake, label in zip(fakes, y.tolist()):
        total -= (0.5 * math.log(placed(case, run, fake)[label]) + run(critic, fake, slope=0)[0]) / 6
    for c in range(3):
        rows, own = [f for f, label in zip(fakes, y.tolist()) if label == c], x[y == c].mean(0).tolist()
        mean = [sum(column) / len(rows) for column in zip(*rows)]
        total += 0.5 * sum((u - v) ** 2 for u, v in zip(mean, own)) ** (0.5 if released else 1) / 3
    weights = [p for p in case.nets.parameters() if p.ndim == 2]
    total += 0.1 * sum(v * v for w in weights for v in w.flatten().tolist())
    total += 0.2 * sum(math.sqrt(sum(v * v for v in column)) for column in weights[0].T.tolist())
    if creativity is not None:
        raw = case.turns["generator"].params[-1].tolist()
        alpha, beta = orders or [0.2 + 0.6 / (1 + math.exp(-r)) for r in raw]
        divergences = []
        for z, t in zip(more.tolist(), vectors.tolist()):
            new = made(case, run, z, t)
            overlap = sum(p**alpha * (1 / 3) ** (1 - alpha) for p in placed(case, run, new))
            power = (1 - alpha) / (1 - beta) if released else (1 - beta) / (1 - alpha)
            divergences.append((overlap**power - 1) / (beta - 1))
            total -= run(critic, new, slope=0)[0] / 6
        if released:
            low, high = min(divergences), max(divergences)
            divergences = [(v - low) / (high - low) for v in divergences]
        total += creativity * sum(divergences) / 6
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total, rel=1e-3)


def test_mixed_vectors_lie_between_two_of_the_batch():
    a = torch.eye(40)
    torch.manual_seed(0)
    rows = mixed(a)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(40))
    two = rows[(rows > 0).sum(1) == 2]
    assert len(two) > 20  # the rest met themselves
    shares = two / two.sum(1, keepdim=True)
    assert shares[shares > 0].min() > 0.2 - 1e-6
    assert shares.max() < 0.8 + 1e-6


def test_weights_start_as_wide_as_in_the_authors_code():
    task = toy_zsl()
    model = CIZSL(**CIZSL.example_params()[0] | {"epochs": 1, "hidden": 400, "lr": 1e-9}).fit(*task.train)
    for name, p in model.networks_.named_parameters():
        expected = 0.0 if p.ndim == 1 else math.sqrt(2 / sum(p.shape))
        assert p.std().item() == pytest.approx(expected, rel=0.15, abs=1e-6), name


def test_orders_of_the_divergence_are_learnt_with_the_generator(tiny, loss_of):
    case = tiny(CIZSL, **SIZES)
    *_, raw = case.turns["generator"].params
    loss_of(case.turns["generator"], case.batch).backward(inputs=case.turns["generator"].params)
    assert (raw.grad != 0).all()
