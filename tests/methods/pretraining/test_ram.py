import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from zorse.core import ClassTable
from zorse.methods.pretraining.ram import RAM
from zorse.nn.losses import asymmetric_loss
from zorse.nn.vectors import unit_rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 10))
PROMPTS = tuple(RNG.normal(size=(size, 10)) for size in (1, 4, 2))
TABLE = ClassTable(np.arange(3), np.stack([p.mean(axis=0) for p in PROMPTS]), prompts=PROMPTS)
Y = RNG.random((30, 3)) < 0.4


def test_the_image_weighs_the_descriptions():
    model = RAM(epochs=3, random_state=0).fit(X, Y, TABLE)
    for x, scores in zip(unit_rows(X), model.scores(X), strict=True):
        seen = unit_rows((x + x @ model.projection_)[None])[0]
        for prompts, score in zip(PROMPTS, scores, strict=True):
            e = unit_rows(prompts)
            tag = softmax(e @ x / model.temperature_) @ e
            assert score == pytest.approx(model.scale_ * seen @ tag + model.bias_, abs=1e-5)


def test_the_loss_by_loops():
    logits, y = RNG.normal(size=(5, 4)), RNG.random((5, 4)) < 0.5
    total = 0.0
    for row, tags in zip(expit(logits), y, strict=True):
        for p, tag in zip(row, tags, strict=True):
            q = max(p - 0.05, 0)
            total -= (1 - p) ** 2 * np.log(p) if tag else q**7 * np.log(1 - q)
    ours = asymmetric_loss(torch.from_numpy(logits), torch.from_numpy(y).double(), 2.0, 7.0)
    assert ours.item() == pytest.approx(total / 5, abs=1e-6)


def test_without_focus_it_is_the_binary_cross_entropy():
    logits, y = torch.from_numpy(RNG.normal(size=(5, 4))), torch.from_numpy(RNG.random((5, 4)) < 0.5).double()
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="sum") / 5
    assert asymmetric_loss(logits, y, 0.0, 0.0, clip=0.0).item() == pytest.approx(plain.item(), abs=1e-9)
