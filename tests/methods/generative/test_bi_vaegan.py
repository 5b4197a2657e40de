"""Bi-VAEGAN's five losses against loops, and its prior against clusters of known sizes."""

import math

import numpy as np
import pytest
import torch

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.generative.bi_vaegan import BiVAEGAN, cluster_prior

N, K = 6, 3


def unit(v):
    return [u / math.sqrt(sum(w * w for w in v)) for u in v]


def weighted_l1(p, q):
    off = [u - v for u, v in zip(p, q)]
    return sum(abs(o) ** 3 for o in off) / math.sqrt(sum(o * o for o in off))


@pytest.fixture
def case(tiny, monkeypatch):
    """What is drawn of the unlabelled side is fixed; the transductive part is on from the start."""
    g = torch.Generator().manual_seed(5)
    x, a = torch.rand(N, 5, generator=g), torch.rand(N, K, generator=g)
    monkeypatch.setattr(BiVAEGAN, "_unseen", lambda self, data, n: (x, a))
    monkeypatch.setattr(BiVAEGAN, "_look", lambda self, data, clock: None)
    params = {"gamma": 2.0, "gamma_unseen": 0.5, "gamma_vector": 0.4, "beta": 0.3, "penalty": 0.0}
    made = tiny(BiVAEGAN, unlabelled=x, inductive_epochs=0, penalty_vector=0.0, **params)
    made.free = x.tolist(), a.tolist()
    return made


def test_the_way_to_class_vectors_agrees_with_loops(case, loss_of, run):
    x, a, _ = (t.tolist() for t in case.batch)
    u, b = case.free
    regressor, critic = case.turns["regressor"].params, case.turns["vector critic"].params
    read = lambda row: unit(run(regressor, row))  # noqa: E731
    told = judged = 0.0
    for i in range(N):
        told += weighted_l1(read(x[i]), a[i]) / N
        told -= 0.4 * (run(critic, read(x[i]))[0] + run(critic, read(u[i]))[0]) / N
        fakes, reals = (read(x[i]), read(u[i])), (a[i], b[i])
        judged += sum(run(critic, f)[0] - run(critic, r)[0] for f, r in zip(fakes, reals)) / (2 * N)
    assert loss_of(case.turns["regressor"], case.batch).item() == pytest.approx(told, rel=1e-4)
    assert loss_of(case.turns["vector critic"], case.batch).item() == pytest.approx(judged, rel=1e-4, abs=1e-6)


def test_the_way_to_features_agrees_with_loops(case, loss_of, drawn, run):
    x, a, _ = (t.tolist() for t in case.batch)
    u, b = case.free
    make, regressor = case.nets["generator"].parameters, case.turns["regressor"].params
    code, noise, more = (t.tolist() for t in drawn((N, K), (N, K), (N, K)))
    encoder, total = case.turns["generator"].params[:4], 0.0
    for i in range(N):
        out = run(encoder, x[i] + a[i])
        z = [m + math.exp(v / 2) * e for m, v, e in zip(out[:K], out[K:], code[i])]
        again = unit(run(make(), z + a[i]))
        total += sum((p - q) ** 2 for p, q in zip(again, x[i]))
        total += sum((m * m + math.exp(v) - 1 - v) / 2 for m, v in zip(out[:K], out[K:]))
        total -= 2.0 * run(case.turns["critic"].params, unit(run(make(), noise[i] + a[i])) + a[i])[0]
        fake = unit(run(make(), more[i] + b[i]))
        total -= 0.5 * run(case.turns["unlabelled"].params, fake)[0]
        total += 0.3 * weighted_l1(unit(run(regressor, fake)), b[i])
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total / N, rel=1e-4)
    (noise,), judged, free = drawn((N, K)), 0.0, case.turns["unlabelled"].params
    for i in range(N):
        judged += (run(free, unit(run(make(), noise[i].tolist() + b[i])))[0] - run(free, u[i])[0]) / N
    assert loss_of(case.turns["unlabelled"], case.batch).item() == pytest.approx(judged, rel=1e-4, abs=1e-6)


def test_the_prior_is_that_of_the_clusters():
    rng = np.random.RandomState(0)
    centres = np.eye(3) * 5
    x = np.repeat(centres, [60, 30, 10], axis=0) + 0.3 * rng.randn(100, 3)
    np.testing.assert_allclose(cluster_prior(x, centres + 0.5 * rng.randn(3, 3)), [0.6, 0.3, 0.1], atol=1e-3)
    np.testing.assert_allclose(cluster_prior(x[:2], centres), 1 / 3)


def test_unlabelled_samples_tell_the_prior_of_unseen_classes():
    task = toy_zsl(n_per_class=40)
    X, y = task.test_unseen
    few = np.concatenate([np.flatnonzero(y == label)[:n] for label, n in zip(task.unseen, (40, 40, 8))])
    small = BiVAEGAN.example_params()[0]
    model = BiVAEGAN(**small).fit(*task.train, classes=task.classes, unlabelled=X[few])
    np.testing.assert_allclose(model.prior_, np.array([40, 40, 8]) / 88, atol=0.05)
    assert model.with_candidates(task.unseen).score(X, y) > 1 / 2  # of three classes
    even = BiVAEGAN(**small | {"prior": "uniform"}).fit(*task.train, classes=task.classes, unlabelled=X[few])
    np.testing.assert_allclose(even.prior_, 1 / 3)


def test_a_table_of_seen_classes_alone_is_refused():
    task = toy_zsl()
    table = task.classes.select(task.seen)
    with pytest.raises(InputError, match="classes without labelled samples"):
        BiVAEGAN(**BiVAEGAN.example_params()[0]).fit(*task.train, classes=table, unlabelled=task.X[:5])
