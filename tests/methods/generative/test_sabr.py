"""SABR's space and its generator's loss against loops; what is generated is latent."""

import math

import pytest
import torch
from torch import nn

from zorse.data import toy_zsl
from zorse.methods.generative.sabr import SABR

N, K, L = 6, 3, 4


def relu(v):
    return max(v, 0.0)


def surprise(logits, y):
    return math.log(sum(map(math.exp, logits))) - logits[y]


def told(networks, run, seen, h, y):
    """Cross-entropy of the class, and of similarities to all class vectors."""
    _, head, regressor = networks
    read = run(regressor.parameters(), h)
    similar = [sum(u * v for u, v in zip(read, a)) for a in seen]
    return surprise(run(head.parameters(), h), y) + 0.5 * surprise(similar, y)


def test_encoder_and_generator_pay_for_classes_and_for_similarities(tiny, loss_of, drawn, run, monkeypatch):
    kept = {}

    def keep(self, loss, networks, data, generator):
        kept.update(loss=loss, networks=networks)
        for i, p in enumerate(p for network in networks for p in network.parameters()):
            nn.init.normal_(p, std=0.7, generator=torch.Generator().manual_seed(100 + i))

    monkeypatch.setattr(SABR, "_fit_space", keep)
    case = tiny(SABR, latent=L, similarity=0.5, beta=0.3)
    networks, seen = kept["networks"], case.data.seen.tolist()
    x, a, y = (t.tolist() for t in case.batch)
    latent = [run(networks[0].parameters(), row, out=relu) for row in x]
    expected = sum(told(networks, run, seen, h, c) for h, c in zip(latent, y)) / N
    assert kept["loss"]((case.batch[0], case.batch[2]), None).item() == pytest.approx(expected, rel=1e-4)
    (noise,), total = drawn((N, K)), 0.0
    for i in range(N):
        fake = run(case.nets["generator"].parameters(), noise[i].tolist() + a[i], out=relu)
        assert len(fake) == L
        total += 0.3 * told(networks, run, seen, fake, y[i]) - run(case.turns["critic"].params, fake + a[i])[0]
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total / N, rel=1e-4)
    mine = case.model._embed(case.batch[0])
    assert torch.allclose(mine, torch.tensor(latent), atol=1e-5)


def test_the_space_is_trained_before_and_stays():
    task = toy_zsl()
    small = SABR.example_params()[0] | {"classifier_epochs": 60}
    encoders = [
        SABR(**small | {"epochs": epochs}).fit(*task.train, classes=task.classes).networks_["encoder"].state_dict()
        for epochs in (1, 3)
    ]
    assert all(torch.equal(encoders[0][name], encoders[1][name]) for name in encoders[0])
    X, y = task.test_seen
    model = SABR(**small).fit(*task.train, classes=task.classes)
    assert model.seen_features_.shape[1] == small["latent"] == model.coef_.shape[1]
    assert model.with_candidates(task.seen).score(X, y) > 0.7
