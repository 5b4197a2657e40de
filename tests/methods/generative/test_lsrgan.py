"""The semantic regularised loss against loops; it must move the generator, which it does not in released code."""

import math

import pytest
import torch
from torch import nn

from zorse.core import seeded
from zorse.methods.generative.lsrgan import LsrGAN


def cosine(p, q):
    lengths = [math.sqrt(sum(v * v for v in row)) for row in (p, q)]
    return sum(u * v for u, v in zip(p, q)) / (lengths[0] * lengths[1] or 1.0)


def naive(fake, y, classes, seen, real, n, epsilon, among_seen):
    """Class by class, neighbour by neighbour."""
    total = 0.0
    for c in sorted(set(y.tolist())):
        rows = [row for row, label in zip(fake.tolist(), y.tolist()) if label == c]
        mean = [sum(column) / len(rows) for column in zip(*rows)]
        alike = {
            j: cosine(classes[c].tolist(), seen[j].tolist()) for j in range(len(seen)) if not (among_seen and j == c)
        }
        for j in sorted(alike, key=alike.get)[::-1][:n]:
            visual = cosine(mean, real[j].tolist())
            total += max(0.0, visual - (alike[j] + epsilon)) ** 2 + max(0.0, (alike[j] - epsilon) - visual) ** 2
    return total / min(n, len(seen) - among_seen)


@pytest.mark.parametrize("among_seen", [True, False])
@pytest.mark.parametrize("n", [2, 20])
def test_similarities_agree_with_loops_over_neighbours(among_seen, n):
    generator = torch.Generator().manual_seed(4)
    seen, real = torch.randn(4, 3, generator=generator), torch.rand(4, 5, generator=generator)
    classes = seen if among_seen else torch.randn(3, 3, generator=generator)
    fake, y = torch.rand(7, 5, generator=generator, requires_grad=True), torch.tensor([0, 2, 2, 0, 1, 1, 1])
    loss = LsrGAN(neighbours=n, epsilon=0.1)._unlike(fake, y, classes, seen, real)
    assert loss.item() == pytest.approx(naive(fake, y, classes, seen, real, n, 0.1, among_seen), rel=1e-4)
    loss.backward()
    assert fake.grad.abs().sum() > 0, "the loss moves nothing"
    kinder = LsrGAN(neighbours=n, epsilon=2.0)._unlike(fake, y, classes, seen, real)
    assert kinder == 0


def test_the_generators_loss_agrees_with_loops(tiny, loss_of, run):
    params = {"beta": 0.3, "unseen_beta": 0.7, "similarity": 2.0, "centroid": 0.5, "neighbours": 2}
    case = tiny(LsrGAN, nn.Linear(5, 3), **params)
    x, a, y = case.batch
    with seeded(9):
        noise, new, more = torch.randn(6, 3), torch.randint(2, (6,)), torch.randn(6, 3)
    make = lambda z, v: run(case.nets["generator"].parameters(), z + v, out=lambda e: max(e, 0.0))  # noqa: E731
    real = torch.stack([x[y == c].mean(0) for c in range(3)])
    total = 0.0
    for z, vectors, classes, shift, among in [(noise, a, y, 0, True), (more, case.data.unseen[new], new, 3, False)]:
        fakes = [make(*pair) for pair in zip(z.tolist(), vectors.tolist())]
        for fake, vector, c in zip(fakes, vectors.tolist(), classes.tolist()):
            logits = run(case.turns["classifier"].params, fake)
            recognised = math.log(sum(map(math.exp, logits))) - logits[c + shift]
            total += (0.3 if among else 0.7) * recognised / 6
            total -= run(case.turns["critic"].params, fake + vector)[0] / 6 if among else 0
        if among:
            for c in range(3):
                rows = [fake for fake, label in zip(fakes, y.tolist()) if label == c]
                total += 0.5 * math.dist([sum(col) / len(rows) for col in zip(*rows)], real[c].tolist()) / 3
        told = case.data.seen if among else case.data.unseen
        total += 2.0 * naive(torch.tensor(fakes), classes, told, case.data.seen, real, 2, 0.1, among)
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total, rel=1e-4)


def test_one_seen_class_has_no_neighbours_and_no_loss():
    seen, fake = torch.rand(1, 3), torch.rand(4, 5)
    y = torch.zeros(4, dtype=torch.long)
    assert LsrGAN()._unlike(fake, y, seen, seen, torch.rand(1, 5)) == 0
    assert LsrGAN(epsilon=0.0)._unlike(fake, y, torch.rand(1, 3), seen, torch.rand(1, 5)) > 0


def test_the_classifier_learns_of_unseen_classes_and_the_generator_by_it(tiny, loss_of):
    case = tiny(LsrGAN, nn.Linear(5, 3), similarity=0.0)
    assert set(case.turns) == {"critic", "generator", "classifier"}
    (weight, bias) = case.turns["classifier"].params
    assert weight.shape == (5, 5)  # three seen and two unseen classes
    loss = loss_of(case.turns["classifier"], case.batch)
    loss.backward(inputs=case.turns["classifier"].params)
    assert (bias.grad[3:] != 0).all()
    assert all(p.grad is None for p in case.nets.parameters())


def test_without_unseen_classes_it_is_a_gan_of_seen_ones(tiny, monkeypatch):
    from zorse.data import toy_zsl

    X, y = toy_zsl().train
    model = LsrGAN(**LsrGAN.example_params()[0] | {"epochs": 3}).fit(X, y)
    assert set(model.history_[0]) == {"critic", "generator"}
