"""CADA-VAE's loss against loops, its warm-ups, and where its latent codes come from."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from zorse.core import seeded
from zorse.data import toy_zsl
from zorse.methods.generative.cadavae import CADAVAE
from zorse.templates import TrainingData
from zorse.training import Clock

SMALL = CADAVAE.example_params()[0]
N, D, K, LATENT = 4, 5, 3, 2


def tiny(**params):
    model = CADAVAE(hidden=6, latent=LATENT, epochs=100, device="cpu", **params)
    with seeded(1) as generator:
        x, a, y = torch.rand(N, D), torch.rand(N, K), torch.tensor([0, 0, 1, 1])
        (turn,) = model._turns(TrainingData.of(x, y, a[: int(y.max()) + 1]), generator)
    return model, turn, (x, a, y)


def layer(row, weight, bias):
    return [sum(w * v for w, v in zip(ws, row)) + b for ws, b in zip(weight.tolist(), bias.tolist())]


def network(params, row):
    w1, b1, w2, b2 = params
    return layer([max(h, 0.0) for h in layer(row, w1, b1)], w2, b2)


def l1(p, q):
    return sum(abs(u - v) for u, v in zip(p, q))


@pytest.mark.parametrize("released_noise", [False, True])
@pytest.mark.parametrize("epoch", [0, 14, 50, 99])
def test_loss_agrees_with_loops_over_samples_and_dimensions(epoch, released_noise):
    _, turn, (x, a, y) = tiny(released_noise=released_noise)
    encode_x, encode_a, decode_x, decode_a = (turn.params[4 * i : 4 * i + 4] for i in range(4))
    with seeded(7):
        ours = turn.loss((x, a, y), Clock(epoch, 0, 0.0)).item()
    with seeded(7):
        width = 1 if released_noise else LATENT
        noise = [torch.randn(N, width).expand(N, LATENT).tolist() for _ in range(2)]
    own = cross = divergence = apart = 0.0
    for i in range(N):
        code, mean, log_var = {}, {}, {}
        for j, (m, encoder, row) in enumerate([("x", encode_x, x[i].tolist()), ("a", encode_a, a[i].tolist())]):
            out = network(encoder, row)
            mean[m], log_var[m] = out[:LATENT], out[LATENT:]
            scale = 1.0 if released_noise else 0.5
            code[m] = [mu + math.exp(scale * lv) * e for mu, lv, e in zip(mean[m], log_var[m], noise[j][i])]
            divergence -= 0.5 * sum(1 + lv - mu**2 - math.exp(lv) for mu, lv in zip(mean[m], log_var[m]))
        own += l1(network(decode_x, code["x"]), x[i].tolist()) + l1(network(decode_a, code["a"]), a[i].tolist())
        cross += l1(network(decode_x, code["a"]), x[i].tolist()) + l1(network(decode_a, code["x"]), a[i].tolist())
        gap = sum((p - q) ** 2 for p, q in zip(mean["x"], mean["a"]))
        gap += sum((math.exp(p / 2) - math.exp(q / 2)) ** 2 for p, q in zip(log_var["x"], log_var["a"]))
        apart += math.sqrt(gap)
    # Schedules of the paper's supplement: each weight grows linearly between two epochs.
    beta = 0.25 * min(epoch / 93, 1)
    gamma = 2.37 * min(max(epoch - 21, 0) / (75 - 21), 1)
    delta = 8.13 * min(max(epoch - 6, 0) / (22 - 6), 1)
    expected = (own + beta * divergence + gamma * cross + delta * apart) / N
    assert ours == pytest.approx(expected, rel=1e-5)


def test_warm_ups_stretch_with_the_number_of_epochs():
    half, whole = CADAVAE(epochs=50), CADAVAE(epochs=100)
    for epoch in range(50):
        assert half._weights(Clock(epoch, 0, 0.0)) == pytest.approx(whole._weights(Clock(2 * epoch, 0, 0.0)))


@pytest.mark.parametrize(("gamma", "delta", "tied"), [(0, 0, False), (2.37, 0, True), (0, 8.13, True)])
def test_only_the_alignments_let_images_teach_the_encoder_of_class_vectors(gamma, delta, tied):
    """Without both, a plain VAE a modality; with one, the paper's CA-VAE and DA-VAE."""
    _, turn, (x, a, y) = tiny(gamma=gamma, delta=delta)
    encoder_a = turn.params[4:8]
    gradients = []
    for images in (x, 1 - x):
        with seeded(7):
            loss = turn.loss((images, a, y), Clock(99, 0, 0.0))
        gradients.append(torch.autograd.grad(loss, encoder_a))
    assert tied != all(torch.allclose(g, h) for g, h in zip(*gradients))


def test_widths_are_the_authors_unless_told():
    model, turn, _ = tiny()
    assert [p.shape[0] for p in turn.params[::4]] == [6, 6, 6, 6]
    with seeded(0) as generator:
        model = CADAVAE(hidden={"decoder_a": 11}, device="cpu")
        (turn,) = model._turns(
            TrainingData.of(torch.rand(4, 8), torch.zeros(4, dtype=int), torch.rand(1, 3)), generator
        )
    assert [p.shape[0] for p in turn.params[::4]] == [1560, 1450, 1660, 11]
    bound = 0.5 * math.sqrt(6 / (8 + 1560))  # Xavier's uniform range, gain one half
    assert turn.params[0].abs().max() <= bound
    assert turn.params[0].abs().max() > 0.9 * bound


@pytest.fixture(scope="module")
def task():
    return toy_zsl(n_per_class=40, random_state=2)


@pytest.fixture(scope="module")
def model(task):
    return CADAVAE(**SMALL).fit(*task.train, classes=task.classes)


def test_codes_of_a_class_come_from_its_images_or_its_vector(model, task):
    table = task.classes
    codes = dict(zip(table.labels, model._samples_of(table)))
    assert {len(codes[label]) for label in task.seen} == {SMALL["n_seen"]}
    assert {len(codes[label]) for label in task.unseen} == {SMALL["n_synthetic"]}
    for label in task.unseen:
        vector = table.select([label]).vectors
        vector = torch.as_tensor(vector / np.linalg.norm(vector), dtype=torch.float32)
        mean, log_var = model._posterior("a", vector)
        error = (codes[label].mean(0) - mean[0]).abs() / ((log_var[0] / 2).exp() / len(codes[label]) ** 0.5)
        assert error.max() < 6
    X, y = task.train
    label = task.seen[0]
    means = model._embed(model._scaled(X[y == label])).float()
    _, log_var = model._posterior("x", model._scaled(X[y == label]).float())
    spread = ((log_var.exp().mean(0) + means.var(0)) / len(codes[label])).sqrt()
    assert ((codes[label].mean(0) - means.mean(0)).abs() / spread).max() < 6


def test_an_image_is_classified_by_the_mean_of_its_posterior(model, task):
    encoder = model.networks_["encoder_x"]
    w1, w2 = (m for m in encoder if isinstance(m, nn.Linear))
    x = (task.X - model.low_) / model.spread_
    hidden = np.maximum(x @ w1.weight.double().numpy().T + w1.bias.double().numpy(), 0)
    mean = (hidden @ w2.weight.double().numpy().T + w2.bias.double().numpy())[:, : SMALL["latent"]]
    np.testing.assert_allclose(model.scores(task.X), mean @ model.coef_.T + model.intercept_)


def test_unseen_classes_are_recognised_with_either_noise(model, task):
    X, y = task.test_unseen
    released = CADAVAE(**SMALL | {"released_noise": True}).fit(*task.train, classes=task.classes)
    for fitted in (model, released):
        assert fitted.with_candidates(task.unseen).score(X, y) > 1 / 2  # of three classes
