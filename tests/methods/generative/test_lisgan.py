"""Soul samples and both distances to them against loops."""

import math

import pytest
import torch
from torch import nn

from zorse.core import seeded
from zorse.methods.generative.lisgan import LisGAN


def relu(v):
    return max(v, 0.0)


def squared(p, q):
    return sum((u - v) ** 2 for u, v in zip(p, q))


def test_generator_is_tied_to_the_souls_of_its_class(tiny, loss_of, drawn, run, monkeypatch):
    head = nn.Linear(5, 3)
    souls = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(LisGAN, "_souls", lambda self, data, generator: souls)
    case = tiny(LisGAN, head, beta=0.3, near_soul=0.5, mean_near_soul=2.0, n_mean=4)
    noise, more = drawn((6, 3), (12, 3))
    generator, total = list(case.nets["generator"].parameters()), 0.0
    for i, (a, y) in enumerate(zip(case.batch[1].tolist(), case.batch[2].tolist())):
        fake = run(generator, noise[i].tolist() + a, out=relu)
        logits = run(head.parameters(), fake)
        total += 0.3 * (math.log(sum(map(math.exp, logits))) - logits[y]) / 6
        total += 0.5 * min(squared(fake, soul) for soul in souls[y].tolist()) / 6
        total -= run(case.turns["critic"].params, fake + a)[0] / 6
    for c in range(3):
        fakes = [run(generator, more[4 * c + j].tolist() + case.data.seen[c].tolist(), out=relu) for j in range(4)]
        mean = [sum(column) / 4 for column in zip(*fakes)]
        total += 2.0 * min(squared(mean, soul) for soul in souls[c].tolist()) / 3
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total, rel=1e-4)


def test_souls_are_means_of_the_clusters_of_each_class(tiny):
    model = tiny(LisGAN, nn.Linear(5, 3), n_souls=2).model
    centres = torch.tensor([[[0.0] * 5, [1.0] * 5], [[0.0, 1, 0, 1, 0], [1.0, 0, 1, 0, 1]]])
    noise = 0.05 * torch.randn(2, 2, 20, 5, generator=torch.Generator().manual_seed(2))
    x = (centres[:, :, None] + noise).reshape(-1, 5)
    data = type("Data", (), {"x": x, "y": torch.arange(2).repeat_interleave(40), "seen": torch.zeros(2, 3)})
    with seeded(0) as generator:
        souls = model._souls(data, generator)
    for c in range(2):
        for k in range(2):
            mean = x.reshape(2, 2, 20, 5)[c, k].mean(0)
            assert (souls[c] - mean).abs().amax(1).min() < 1e-5
    few = type("Data", (), {"x": x[:1], "y": torch.zeros(1, dtype=int), "seen": torch.zeros(1, 3)})
    with seeded(0) as generator:
        assert torch.equal(model._souls(few, generator)[0], x[:1].expand(2, 5))
