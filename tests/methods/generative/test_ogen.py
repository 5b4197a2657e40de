"""OGEN's generator against loops, and what its features and its tuning are worth."""

import math

import numpy as np
import pytest
import torch

from zorse.data import toy_zsl
from zorse.methods.generative.ogen import OGEN

SMALL = {"scale": 10.0, "device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def task():
    return toy_zsl(aligned=True)


@pytest.fixture(scope="module")
def model(task):
    return OGEN(epochs=60, lr=3e-3, **SMALL).fit(*task.train, classes=task.classes)


def unit(v):
    return [u / math.sqrt(sum(w * w for w in v)) for u in v]


def test_a_feature_is_what_loops_say(model, run):
    g = torch.Generator().manual_seed(0)
    text, known, features = torch.rand(2, 16, generator=g), torch.rand(2, 3, 16, generator=g), torch.rand(2, 3, 16)
    with torch.no_grad():
        ours = model.made(text, known, features)
    nets = {name: list(net.parameters()) for name, net in model.networks_.items()}
    for b in range(2):
        q = run(nets["query"], text[b].tolist())
        keys, values = ([run(nets[n], r) for r in t[b].tolist()] for n, t in (("key", known), ("value", features)))
        w = [math.exp(sum(p * v for p, v in zip(q, key)) / 4) for key in keys]
        mean = [sum(wi * v[j] for wi, v in zip(w, values)) / sum(w) for j in range(16)]
        own = run(nets["own"], text[b].tolist(), slope=0.0)
        expected = unit([p + v for p, v in zip(own, run(nets["out"], mean))])
        assert ours[b].tolist() == pytest.approx(expected, abs=1e-5)


def test_features_of_unknown_classes_are_their_own(model, task):
    unseen = task.classes.select(task.unseen)
    made = model.extrapolate(unseen, n=5)
    assert made.shape == (3, 5, 16)
    np.testing.assert_allclose(np.linalg.norm(made, axis=2), 1, atol=1e-5)
    X, y = task.test_unseen
    means = np.stack([X[y == label].mean(axis=0) for label in unseen.labels])
    nearest = (made.mean(axis=1) @ means.T).argmax(axis=1)
    np.testing.assert_array_equal(nearest, np.arange(3))


def test_without_unknown_classes_tuning_is_a_softmax_over_known_texts(task):
    plain = OGEN(epochs=1, unknown=0.0, batch_size=1000, **SMALL | {"scale": 2.0})
    plain.fit(*task.train, classes=task.classes)
    X, y = task.train
    known = task.classes.select(np.sort(task.seen))
    v = X / np.linalg.norm(X, axis=1, keepdims=True)
    logits = 2 * v @ known.vectors.T  # the adapter starts at 0
    expected = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), known.rows(y)])
    assert plain.history_[0]["ogen"] == pytest.approx(expected, rel=1e-4)


def test_in_the_warm_up_the_classifier_stays(task):
    still = OGEN(epochs=3, warm_up=1.0, **SMALL).fit(*task.train, classes=task.classes)
    assert (still.networks_["adapter"].weight == 0).all()
    np.testing.assert_allclose(still.coef_, task.classes.vectors, atol=1e-6)
    assert still.history_[-1]["ogen"] < still.history_[0]["ogen"]
