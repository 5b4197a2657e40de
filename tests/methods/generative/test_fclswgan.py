"""f-CLSWGAN's losses against its equations written out, and what it generates."""

import math

import numpy as np
import pytest
import torch

from zorse.core import seeded
from zorse.data import toy_zsl
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.templates import TrainingData
from zorse.training import Clock

SMALL = FCLSWGAN.example_params()[0]


@pytest.fixture(scope="module")
def task():
    return toy_zsl(n_per_class=40, random_state=2)


@pytest.fixture(scope="module")
def model(task):
    return FCLSWGAN(**SMALL | {"epochs": 100, "lr": 0.01}).fit(*task.train, classes=task.classes)


@pytest.fixture
def turns():
    """Two players at their start on a tiny problem, and the batch they are asked about."""
    model = FCLSWGAN(hidden=7, beta=0.3, penalty=4.0, classifier_epochs=1, random_state=0, device="cpu")
    head = torch.nn.Linear(5, 3).requires_grad_(False)
    model._softmax = lambda *data: head
    with seeded(3) as generator:
        x, a, y = torch.rand(6, 5), torch.rand(6, 2), torch.tensor([0, 1, 2, 0, 1, 2])
        critic, imitator = model._turns(TrainingData.of(x, y, a[: int(y.max()) + 1]), generator)
    for turn in (critic, imitator):  # at the start, weights of 0.02 leave slopes near 0: make them felt
        with torch.no_grad():
            for p in turn.params:
                p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(len(turn.name))) / 2)
    return head, critic, imitator, (x, a, y)


def forward(params, row, relu_at_the_end):
    (w1, b1, w2, b2), out = params, []
    hidden = [sum(w * v for w, v in zip(ws, row)) + b for ws, b in zip(w1.tolist(), b1.tolist())]
    hidden = [h if h > 0 else 0.2 * h for h in hidden]
    out = [sum(w * h for w, h in zip(ws, hidden)) + b for ws, b in zip(w2.tolist(), b2.tolist())]
    return [max(v, 0.0) for v in out] if relu_at_the_end else out


def slope(params, row, d):
    """The critic's gradient in the first d inputs, by the chain rule."""
    w1, b1, w2, _ = params
    pre = [sum(w * v for w, v in zip(ws, row)) + b for ws, b in zip(w1.tolist(), b1.tolist())]
    gate = [1.0 if p > 0 else 0.2 for p in pre]
    return [sum(w2[0, h].item() * gate[h] * w1[h, j].item() for h in range(len(pre))) for j in range(d)]


def test_critic_loss_is_equation_2_negated(turns):
    _, critic, imitator, (x, a, y) = turns
    with seeded(9):
        ours = critic.loss((x, a, y), Clock(0, 0, 0.0)).item()
    with seeded(9):
        noise, place = torch.randn(6, 2), torch.rand(6, 1)
    total = 0.0
    for i in range(6):
        condition = a[i].tolist()
        fake = forward(imitator.params, noise[i].tolist() + condition, True)
        mixed = [f + place[i].item() * (r - f) for f, r in zip(fake, x[i].tolist())]
        length = math.sqrt(sum(s * s for s in slope(critic.params, mixed + condition, 5)))
        judged = [forward(critic.params, v + condition, False)[0] for v in (fake, x[i].tolist())]
        total += judged[0] - judged[1] + 4.0 * (length - 1) ** 2
    assert ours == pytest.approx(total / 6, rel=1e-4)


def test_generator_loss_is_equation_4_with_a_frozen_softmax(turns):
    head, critic, imitator, (x, a, y) = turns
    with seeded(9):
        ours = imitator.loss((x, a, y), Clock(0, 0, 0.0))
    with seeded(9):
        noise = torch.randn(6, 2)
    total = 0.0
    for i in range(6):
        fake = forward(imitator.params, noise[i].tolist() + a[i].tolist(), True)
        logits = [sum(w * v for w, v in zip(ws, fake)) + b for ws, b in zip(head.weight.tolist(), head.bias.tolist())]
        surprise = math.log(sum(math.exp(v) for v in logits)) - logits[y[i]]  # eq. 3
        total += 0.3 * surprise - forward(critic.params, fake + a[i].tolist(), False)[0]
    assert ours.item() == pytest.approx(total / 6, rel=1e-4)
    ours.backward(inputs=imitator.params)
    assert all(p.grad is None for p in (*critic.params, *head.parameters()))


def test_synthetic_features_lie_where_the_real_ones_of_unseen_classes_lie(model, task):
    X, y = task.test_unseen
    real = model._scaled(X).numpy()
    table = task.classes.select(task.unseen)
    made = [samples.numpy() for samples in model.synthesise(table)]
    centres = np.stack([real[y == label].mean(0) for label in table.labels])
    means = np.stack([m.mean(0) for m in made])
    # Around what all classes have in common, so that the correlation speaks of the class.
    alike = [np.corrcoef(m - centres.mean(0), c - centres.mean(0))[0, 1] for m, c in zip(means, centres)]
    assert np.mean(alike) > 0.3, alike
    assert min(alike) > 0, alike
    assert all(m.std(0).mean() > 0 for m in made), "the generator has collapsed"
    nearest = ((np.concatenate(made)[:, None] - centres) ** 2).sum(-1).argmin(1)
    accuracy = (nearest == np.repeat(np.arange(3), SMALL["n_synthetic"])).mean()
    assert accuracy > 1 / 2, f"{accuracy:.2f} of synthetic features are nearest to their own class"


def test_unseen_classes_are_recognised(model, task):
    X, y = task.test_unseen
    assert model.with_candidates(task.unseen).score(X, y) > 1 / 2  # of three classes


def test_history_holds_both_players(model):
    assert len(model.history_) == 100
    assert set(model.history_[0]) == {"critic", "generator"}
