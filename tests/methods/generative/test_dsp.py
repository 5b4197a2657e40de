"""DSP's losses against loops, and what evolving comes to."""

import math

import numpy as np
import pytest
import torch

from zorse.data import toy_zsl
from zorse.methods.generative.dsp import DSP

N, K = 6, 3


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def l1(p, q):
    return sum(abs(u - v) for u, v in zip(p, q))


def evolved(case, run, a, keep):
    moved = run(case.nets["evolve"].parameters(), a)
    return [keep * v + (1 - keep) * (v + m) for v, m in zip(a, moved)]


def test_generator_and_evolution_agree_with_loops(tiny, loss_of, drawn, run):
    case = tiny(DSP, gamma=2.0, cycle=0.7, keep=0.6, penalty=0.0)
    x, a, _ = (t.tolist() for t in case.batch)
    code, noise = drawn((N, K), (N, K))
    make, read = (list(case.nets[name].parameters()) for name in ("generator", "reader"))
    encoder, critic, total = case.turns["generator"].params[:4], case.turns["critic"].params, 0.0
    for i in range(N):
        given = evolved(case, run, a[i], 0.6)
        out = run(encoder, x[i] + given)
        mean, log_var = out[:K], out[K:]
        z = [m + math.exp(v / 2) * e for m, v, e in zip(mean, log_var, code[i].tolist())]
        again = run(make, z + given, out=sigmoid)
        total -= sum(v * math.log(w) + (1 - v) * math.log(1 - w) for v, w in zip(x[i], again))
        total += sum((m * m + math.exp(v) - 1 - v) / 2 for m, v in zip(mean, log_var))
        fake = run(make, noise[i].tolist() + given, out=sigmoid)
        total -= 2.0 * run(critic, fake + given)[0]
        total += 0.7 * (l1(run(read, fake), a[i]) + l1(run(read, x[i]), a[i]))
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total / N, rel=1e-4)
    (noise,), told, judged = drawn((N, K)), 0.0, 0.0
    for i in range(N):
        given = evolved(case, run, a[i], 0.6)
        fake = run(make, noise[i].tolist() + given, out=sigmoid)
        step = run(case.nets["evolve"].parameters(), a[i])
        told += l1([u + v for u, v in zip(a[i], step)], run(read, fake)) / N
        judged += (run(critic, fake + given)[0] - run(critic, x[i] + given)[0]) / N
    assert loss_of(case.turns["evolve"], case.batch).item() == pytest.approx(told, rel=1e-4)
    assert loss_of(case.turns["critic"], case.batch).item() == pytest.approx(judged, rel=1e-4)


def test_all_of_a_vector_may_be_kept(tiny):
    case = tiny(DSP, keep=1.0)
    assert torch.equal(case.model._evolved(case.data.seen), case.data.seen)


def test_class_vectors_are_read_off_features_of_unseen_classes():
    task = toy_zsl(n_per_class=40)
    model = DSP(**DSP.example_params()[0] | {"cycle": 10.0, "epochs": 80}).fit(*task.train, classes=task.classes)
    X, y = task.test_unseen
    read = model._embed(model._scaled(X))[:, X.shape[1] :].numpy()
    table = task.classes.select(task.unseen)
    nearest = table.labels[((read[:, None] - table.vectors) ** 2).sum(-1).argmin(1)]
    assert np.mean(nearest == y) > 1 / 2  # of three classes
