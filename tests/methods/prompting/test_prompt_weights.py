"""AutoCLIP, ZPE and PerceptionCLIP against loops written from the papers."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import median_abs_deviation

from zorse.core import ClassTable, InputError
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.prompting.autoclip import AutoCLIP
from zorse.methods.prompting.dclip import DCLIP
from zorse.methods.prompting.perceptionclip import PerceptionCLIP
from zorse.methods.prompting.zpe import ZPE


def unit(v):
    return v / math.sqrt(sum(a * a for a in v))


def softmax(v):
    e = np.exp(np.asarray(v) - max(v))
    return e / e.sum()


def entropy(w):
    return -sum(p * math.log(p) for p in w if p > 0)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    prompts = tuple(rng.normal(size=(6, 8)) + rng.normal(size=8) for _ in range(4))
    table = ClassTable([3, 1, 2, 0], [unit(sum(map(unit, p))) for p in prompts], prompts=prompts)
    return rng.normal(size=(7, 8)), table


def test_autoclip_is_the_papers_loop(arrays):
    X, table = arrays
    model = AutoCLIP(beta=0.7, scale=1.0).fit(None, None, classes=table)
    scores, weights = model.scores(X), model.weights(X)
    for i, x in enumerate(X):
        cos = np.array([[unit(x) @ unit(e) for e in p] for p in table.prompts])
        t = cos.shape[1]
        w = np.full(t, 1 / t)
        p = softmax([sum(w[u] * cos[g, u] for u in range(t)) for g in range(4)])
        a = [sum(p[g] * cos[g, u] for g in range(4)) for u in range(t)]
        gradient = np.array([w[u] * (a[u] - sum(w[v] * a[v] for v in range(t))) for u in range(t)])
        step = brentq(lambda s, g=gradient, t=t: entropy(softmax(s * g)) - 0.7 * math.log(t), 0, 1e7, xtol=1e-13)
        w = softmax(step * gradient)
        np.testing.assert_allclose(weights[i], w, atol=1e-6)
        np.testing.assert_allclose(scores[i], cos @ w, atol=1e-6)


def test_autoclips_gradient_is_that_of_its_objective(arrays):
    X, table = arrays
    x, t = unit(X[0]), 6
    cos = np.array([[x @ unit(e) for e in p] for p in table.prompts])

    def objective(rho):
        return math.log(np.exp(cos @ softmax(rho)).sum())

    step = 1e-5
    slopes = [(objective(step * e) - objective(-step * e)) / (2 * step) for e in np.eye(t)]
    w = AutoCLIP(beta=0.9).fit(None, None, classes=table).weights(X[:1])[0]
    # Weights are the softmax of a multiple of the slopes: their logarithms lie on a line.
    assert np.corrcoef(np.log(w), slopes)[0, 1] == pytest.approx(1, abs=1e-6)
    assert entropy(w) == pytest.approx(0.9 * math.log(t), abs=1e-9)


def test_autoclips_baselines(arrays):
    X, table = arrays
    cos = np.array([[[unit(x) @ unit(e) for e in p] for p in table.prompts] for x in X])
    ways = ("mean", "max", "softmax")
    of = {how: AutoCLIP(aggregation=how, scale=1.0).fit(None, None, classes=table) for how in ways}
    np.testing.assert_allclose(of["mean"].scores(X), cos.mean(axis=2), atol=1e-9)
    np.testing.assert_allclose(of["max"].scores(X), cos.max(axis=2), atol=1e-9)
    w = of["softmax"].weights(X)
    for i in range(len(X)):
        means = cos[i].mean(axis=0)
        sharp = brentq(lambda s, m=means: entropy(softmax(s * m)) - 0.85 * math.log(6), 0, 1e6, xtol=1e-13)
        np.testing.assert_allclose(w[i], softmax(sharp * means), atol=1e-6)
    equal = AutoCLIP(beta=1.0, scale=1.0).fit(None, None, classes=table)
    np.testing.assert_allclose(equal.scores(X), cos.mean(axis=2), atol=1e-6)
    with pytest.raises(InputError, match="no weights"):
        of["max"].weights(X)


def test_classes_with_fewer_prompts_are_filled_with_their_mean(arrays):
    X, table = arrays
    ragged = ClassTable(table.labels, table.vectors, prompts=(table.prompts[0][:2], *table.prompts[1:]))
    mean = AutoCLIP(aggregation="mean").fit(None, None, classes=ragged)
    np.testing.assert_allclose(mean.scores(X), DCLIP().fit(None, None, classes=ragged).scores(X))


def test_one_template_is_clip(arrays):
    X, table = arrays
    one = ClassTable(table.labels, table.vectors, prompts=tuple(v[None] for v in table.vectors))
    clip = CLIP().fit(None, None, classes=one)
    for method in (AutoCLIP(), ZPE(), DCLIP()):
        np.testing.assert_allclose(method.fit(None, None, classes=one).scores(X), clip.scores(X), atol=1e-9)
    alone = PerceptionCLIP().fit(None, None, classes=one)
    np.testing.assert_allclose(alone.predict_proba(X), clip.predict_proba(X), atol=1e-9)


@pytest.mark.parametrize("weighting", ["score", "softmax"])
@pytest.mark.parametrize("select", [None, 0.2])
def test_zpe_is_the_papers_loop(arrays, weighting, select):
    X, table = arrays
    reference = np.random.default_rng(3).normal(size=(5, 8))
    model = ZPE(weighting, select, reference, scale=20.0).fit(None, None, classes=table)

    def logits(images, t):
        return np.array([[20 * unit(x) @ unit(p[t]) for p in table.prompts] for x in images])

    values = []
    for t in range(6):
        off = (logits(X, t).mean(axis=0) + logits(reference, t).mean(axis=0)) / 2
        values.append(np.mean([max(row - off) for row in logits(X, t)]))
    values = np.array(values)
    assert (values > 0).all()
    weights = softmax(values) if weighting == "softmax" else values
    kept = [
        t for t in range(6) if select is None or (values[t] - np.median(values)) / median_abs_deviation(values) > select
    ]
    expected = sum(weights[t] * logits(X, t) for t in kept) / sum(weights[t] for t in kept)
    np.testing.assert_allclose(model.scores(X), expected, atol=1e-6)


@pytest.mark.parametrize("given", [False, True])
def test_perceptionclip_is_the_papers_loop(arrays, given):
    X, table = arrays
    contexts = np.random.default_rng(2).normal(size=(6, 8))
    model = PerceptionCLIP(temperature=3.0, contexts=contexts if given else None, scale=10.0)
    model.fit(None, None, classes=table)
    probabilities = model.predict_proba(X)
    for i, x in enumerate(X):
        f = np.array([[10 * unit(x) @ unit(e) for e in p] for p in table.prompts])
        if given:
            fits = softmax([10 * unit(x) @ unit(z) / 3 for z in contexts])
        else:
            mass = [sum(math.exp(f[y, z] / 3) for y in range(4)) for z in range(6)]
            fits = np.array(mass) / sum(mass)
        np.testing.assert_allclose(model.inferred(X)[i], fits, atol=1e-9)
        expected = [sum(fits[z] * softmax(f[:, z])[y] for z in range(6)) for y in range(4)]
        np.testing.assert_allclose(probabilities[i], expected, atol=1e-9)


def test_what_cannot_be_is_refused(arrays):
    _, table = arrays
    for model, told in (
        (AutoCLIP(beta=2.0), "beta"),
        (AutoCLIP(aggregation="median"), "aggregation"),
        (ZPE("votes"), "weighting"),
        (PerceptionCLIP(contexts=np.ones((2, 8))), "contexts"),
        (PerceptionCLIP(temperature=0.0), "temperature"),
    ):
        with pytest.raises(InputError, match=told):
            model.fit(None, None, classes=table)
    with pytest.raises(InputError, match="describe"):
        AutoCLIP().fit(None, None, classes=ClassTable(table.labels, table.vectors))
