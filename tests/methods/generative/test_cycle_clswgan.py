"""The cycle-consistency term against loops, and what it is for."""

import math

import pytest
import torch
from torch import nn

from zorse.data import toy_zsl
from zorse.methods.generative.cycle_clswgan import CycleCLSWGAN


def relu(v):
    return max(v, 0.0)


def test_generator_pays_for_class_vectors_that_do_not_come_back(tiny, loss_of, drawn, run, monkeypatch):
    head, regressor = nn.Linear(5, 3), nn.Linear(5, 3)
    monkeypatch.setattr(CycleCLSWGAN, "_fit_regressor", lambda self, data, generator: regressor)
    case = tiny(CycleCLSWGAN, head, beta=0.3, cycle=0.7)
    (noise,) = drawn((6, 3))
    total = 0.0
    for i, (a, y) in enumerate(zip(case.batch[1].tolist(), case.batch[2].tolist())):
        fake = run(case.nets["generator"].parameters(), noise[i].tolist() + a, out=relu)
        logits = run(head.parameters(), fake)
        back = run(regressor.parameters(), fake)
        total += 0.3 * (math.log(sum(map(math.exp, logits))) - logits[y])
        total += 0.7 * sum((u - v) ** 2 for u, v in zip(a, back))
        total -= run(case.turns["critic"].params, fake + a)[0]
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total / 6, rel=1e-4)


def test_the_regressor_is_trained_on_real_features_and_frozen():
    task = toy_zsl()
    kept = {}

    class Watched(CycleCLSWGAN):
        def _fit_regressor(self, data, generator):
            kept["data"], kept["regressor"] = data, super()._fit_regressor(data, generator)
            return kept["regressor"]

    small = CycleCLSWGAN.example_params()[0] | {"epochs": 1, "classifier_epochs": 60}
    Watched(**small).fit(*task.train, classes=task.classes)
    data, regressor = kept["data"], kept["regressor"]
    error = (data.a - regressor(data.x)).square().sum(1).mean()
    assert error < 0.2 * (data.a - data.a.mean(0)).square().sum(1).mean()
    assert not any(p.requires_grad for p in regressor.parameters())


def test_features_give_their_vector_back_the_better_the_more_it_weighs():
    task = toy_zsl(n_per_class=40)
    errors = []
    for weight in (0.0, 10.0):
        small = CycleCLSWGAN.example_params()[0] | {"cycle": weight, "epochs": 60}
        model = CycleCLSWGAN(**small).fit(*task.train, classes=task.classes)
        X, y = task.train
        table = task.classes.select(task.seen)
        A = torch.tensor(table.vectors)
        # By a least-squares map of our own, not the regressor that trained it.
        W = torch.linalg.lstsq(model._scaled(X), A[table.rows(y)]).solution
        made = model.synthesise(table)
        errors.append(sum((m.double() @ W - a).square().sum(1).mean().item() for m, a in zip(made, A)))
    assert errors[1] < errors[0]
