"""SABR's space and its generator's loss against loops; what is generated is latent."""

import math

import pytest
import torch
from torch import nn

from zorse.core import seeded
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
    assert model.with_candidates(task.seen).score(X, y) > 1 / 2  # of eight classes


def test_transductive_losses_agree_with_loops(tiny, loss_of, run):
    unlabelled = torch.rand(9, 5)
    params = {"latent": L, "penalty": 0.0, "transfer": 0.2, "beta": 0.5, "similarity": 0.6, "transductive": True}
    case = tiny(SABR, unlabelled=unlabelled, **params)
    kept = list(case.turns["unseen"].params)
    with seeded(9):
        c = torch.randint(2, (N,))
        noise = torch.randn(N, K)
        rows = torch.randint(9, (N,))
    fakes = [run(kept, (z + case.data.unseen[i].tolist()), out=relu) for z, i in zip(noise.tolist(), c.tolist())]
    free, weak = case.turns["unlabelled"].params, case.turns["transfer"].params
    judged = sum(run(free, f)[0] for f in fakes) / N
    with torch.no_grad():
        real = case.nets["encoder"](unlabelled)
    expected = judged - sum(run(free, real[r].tolist())[0] for r in rows.tolist()) / N
    # The encoder was trained before the weights of the turns were made large; it is no player here.
    assert loss_of(case.turns["unlabelled"], case.batch).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    alone = SABR(**params | {"similarity": 0.0})
    assert alone.traits.needs_unlabelled
    assert not SABR().traits.needs_unlabelled
    case.model.similarity = 0.0
    expected = -judged - 0.2 * sum(run(weak, f)[0] for f in fakes) / N
    assert loss_of(case.turns["unseen"], case.batch).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_unlabelled_samples_make_unseen_classes_and_the_first_generator_the_seen_ones():
    task = toy_zsl()
    small = SABR.example_params()[1]
    model = SABR(**small).fit(*task.train, classes=task.classes, unlabelled=task.test_unseen[0])
    assert {"unlabelled", "transfer", "unseen"} <= set(model.history_[0])
    for label, net in ((task.seen[0], "generator"), (task.unseen[0], "unseen")):
        before = model.synthesise(task.classes.select([label]))[0]
        with torch.no_grad():
            for p in model.networks_[net].parameters():
                p.mul_(2)
        model.forget()
        assert not torch.equal(before, model.synthesise(task.classes.select([label]))[0])
        with torch.no_grad():
            for p in model.networks_[net].parameters():
                p.div_(2)
        model.forget()
        assert torch.equal(before, model.synthesise(task.classes.select([label]))[0])
