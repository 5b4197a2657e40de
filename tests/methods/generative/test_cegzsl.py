"""Both contrasts against loops, and the space the final classifier works in."""

import math

import numpy as np
import pytest
import torch

from zorse.data import toy_zsl
from zorse.methods.generative.cegzsl import CEGZSL
from zorse.nn import supervised_contrastive

SIZES = {"embedding": 4, "projection": 3, "comparator": 6}


def relu(v):
    return max(v, 0.0)


def contrasts(case, run, h, y):
    """Mean cross-entropy over seen classes of what the comparator says, pair by pair."""
    *_, of_sample, sample_bias, of_class, class_bias, score, score_bias = case.turns["critic"].params
    total = 0.0
    for row, label in zip(h, y.tolist()):
        logits = []
        for a in case.data.seen.tolist():
            pair = [torch.cat([of_sample, of_class], dim=1), sample_bias + class_bias, score, score_bias]
            logits.append(run(pair, row + a)[0] / 0.1)
        top = max(logits)
        total += top + math.log(sum(math.exp(v - top) for v in logits)) - logits[label]
    return total / len(h)


def test_generator_loss_agrees_with_loops(tiny, loss_of, drawn, run):
    case = tiny(CEGZSL, instance=0.4, beta=0.3, **SIZES)
    x, a, y = case.batch
    (noise,) = drawn((6, 3))
    fake = [run(case.nets["generator"].parameters(), noise[i].tolist() + a[i].tolist(), out=relu) for i in range(6)]
    embed = list(case.nets["embedding"].parameters())
    h = [[relu(v) for v in run(embed, row)] for row in fake]
    real = [[relu(v) for v in run(embed, row)] for row in x.tolist()]
    project = case.turns["critic"].params[6:8]
    z = torch.tensor([run(project, row) for row in h + real])
    total = 0.4 * supervised_contrastive(z, y.repeat(2), 0.1).item() + 0.3 * contrasts(case, run, h, y)
    critic = case.turns["critic"].params[:4]
    total -= sum(run(critic, row + a[i].tolist())[0] for i, row in enumerate(fake)) / 6
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total, rel=1e-3)


def test_embedding_and_critic_move_together_and_the_generator_alone(tiny, loss_of):
    case = tiny(CEGZSL, **SIZES)
    assert len(case.turns["critic"].params) == 4 + 2 + 2 + 3 * 2
    loss_of(case.turns["generator"], case.batch).backward(inputs=case.turns["generator"].params)
    assert all(p.grad is None for p in case.turns["critic"].params)
    loss_of(case.turns["critic"], case.batch).backward(inputs=case.turns["critic"].params)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in case.turns["critic"].params[4:13])


def test_samples_are_classified_by_their_embedding():
    task = toy_zsl()
    model = CEGZSL(**CEGZSL.example_params()[0] | {"epochs": 5}).fit(*task.train, classes=task.classes)
    weight, bias = (p.double().numpy() for p in model.networks_["embedding"].parameters())
    x = (task.X - model.low_) / model.spread_
    h = np.maximum(x @ weight.T + bias, 0)
    np.testing.assert_allclose(model.scores(task.X), h @ model.coef_.T + model.intercept_)
    assert model.synthesise(task.classes.select(task.unseen))[0].shape == (30, 32)
