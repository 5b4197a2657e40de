"""OntoZSL and KG-GAN: where their class vectors come from, and their losses against loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from zorse.core import ClassTable, InputError
from zorse.data import toy_zsl
from zorse.methods.generative.kg_gan import KGGAN
from zorse.methods.generative.ontozsl import OntoZSL

N = 6


@pytest.mark.parametrize(("cls", "pivot"), [(OntoZSL, 0.0), (KGGAN, 2.0)])
def test_the_generators_loss_agrees_with_loops(cls, pivot, tiny, loss_of, drawn, run):
    head = nn.Linear(5, 3)
    case = tiny(cls, head, beta=0.3, **({"pivot": pivot} if pivot else {}))
    x, a, y = (t.tolist() for t in case.batch)
    (noise,), fakes, total = drawn((N, 3)), [], 0.0
    for i in range(N):
        fake = run(case.nets["generator"].parameters(), noise[i].tolist() + a[i], out=lambda v: max(v, 0.0))
        logits = run(head.parameters(), fake)
        total -= run(case.turns["critic"].params, fake + a[i])[0] / N
        total += 0.3 * (math.log(sum(math.exp(v) for v in logits)) - logits[y[i]]) / N
        fakes.append(fake)
    present = sorted(set(y))
    for c in present:
        means = [[sum(col) / y.count(c) for col in zip(*[r for r, l in zip(rows, y) if l == c])] for rows in (fakes, x)]
        total += pivot * sum((p - q) ** 2 for p, q in zip(*means)) / len(present)
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("cls", [OntoZSL, KGGAN])
def test_classes_are_told_by_the_graph_and_strangers_are_refused(cls):
    task = toy_zsl()
    short = cls.example_params()[0] | {"epochs": 1, "classifier_epochs": 1}
    longer = {"ontology_epochs": 300, "margin": 10.0} if cls is OntoZSL else {}
    model = cls(**short | longer).fit(*task.train, classes=task.classes)
    assert model.vectors_.shape == (11, 2 * short["dim"])
    np.testing.assert_array_equal(model.known_, np.sort(task.classes.labels))
    kinds = task.classes.vectors.argmax(axis=1)[np.argsort(task.classes.labels)]
    cosines = (model.vectors_ @ model.vectors_.T)[~np.eye(11, dtype=bool)]
    alike = (kinds[:, None] == kinds)[~np.eye(11, dtype=bool)]
    assert cosines[alike].mean() > cosines[~alike].mean()  # classes of one kind share a neighbour
    table = ClassTable(["stranger"], np.ones((1, 6)))
    with pytest.raises(InputError, match="stranger"):
        model.with_candidates(table)
    bare = cls(**short).fit(*task.train, classes=replace(task.classes, graph=None))
    assert bare.vectors_.shape == (11, short["dim"] * (2 if cls is OntoZSL else 1))


def test_held_out_classes_play_no_part_in_the_codes():
    task = toy_zsl()
    X, y = task.train
    out = np.unique(y)[:2].tolist()
    short = KGGAN.example_params()[0] | {"epochs": 1, "classifier_epochs": 1, "validation_classes": out}
    noise = np.where(np.isin(y, out)[:, None], np.random.RandomState(0).randn(*X.shape), 0)
    codes = [KGGAN(**short).fit(v, y, classes=task.classes).vectors_ for v in (X, X + noise)]
    np.testing.assert_array_equal(*codes)
    assert torch.isfinite(torch.as_tensor(codes[0])).all()
