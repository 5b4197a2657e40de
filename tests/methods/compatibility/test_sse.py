import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.sse import SSE

TASK = toy_zsl()
X, y = np.abs(TASK.train[0]), TASK.train[1]


def parts(model):
    return model.networks_["offsets"].weight.double().numpy(), model.networks_["direction"].weight[0].double().numpy()


@pytest.mark.parametrize("embedding", ["intersection", "relu"])
def test_is_the_papers_sum_over_seen_classes_and_features(embedding):
    model = SSE(embedding, gamma=0.05, epochs=2, random_state=0).fit(X, y, classes=TASK.classes)
    V, w = parts(model)
    psi = {"intersection": min, "relu": lambda x, v: max(0, x - v)}[embedding]
    for x, row in zip(X[:4], model.scores(X[:4]), strict=True):
        own = [sum(w[j] * psi(x[j], v[j]) for j in range(len(x))) for v in V]
        expected = [sum(z[s] * own[s] for s in range(len(V))) for z in model.proportions_]
        np.testing.assert_allclose(row, expected, rtol=1e-9)


@pytest.mark.parametrize("embedding", ["intersection", "relu"])
def test_training_starts_from_the_class_means_or_from_their_mirror_images(embedding):
    V, w = parts(SSE(embedding, epochs=0, random_state=0).fit(X, y, classes=TASK.classes))
    middle = X.mean(axis=0)
    for v, label in zip(V, TASK.seen, strict=True):
        mean = X[y == label].mean(axis=0)
        expected = mean if embedding == "intersection" else middle - (mean - middle)
        np.testing.assert_allclose(v, expected, atol=1e-5)
    np.testing.assert_array_equal(w, 1)


def test_the_first_loss_is_the_papers_two_hinges():
    settings = {"gamma": 0.05, "alignment": 0.5, "weight_decay": 0.01, "batch_size": len(X), "random_state": 0}
    model = SSE(epochs=0, **settings).fit(X, y, classes=TASK.classes)
    scores = model.with_candidates(TASK.seen).scores(X)
    Z = model.with_candidates(TASK.seen).proportions_
    target = np.searchsorted(TASK.seen, y)
    s = len(TASK.seen)
    gap = np.zeros((len(X), s))
    for i, t in enumerate(target):
        for c in range(s):
            if c != t:
                gap[i, c] = 1 - Z[t] @ Z[c] + scores[i, c] - scores[i, t]
    of_class = [[max(0, gap[target == t, c].mean()) for c in range(s)] for t in range(s)]
    V, w = parts(model)
    decay = 0.01 / 2 * ((V**2).sum() + (w**2).sum())
    still = SSE(epochs=1, lr=1e-12, **settings).fit(X, y, classes=TASK.classes)
    expected = np.maximum(gap, 0).mean() + 0.5 * np.mean(of_class) + decay
    assert still.history_[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_training_with_intersections_tells_unseen_classes_apart():
    model = SSE(gamma=0.01, epochs=30, lr=0.03, random_state=0).fit(X, y, classes=TASK.classes)
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]
    assert model.with_candidates(TASK.seen).score(X, y) > 0.8


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match="'sigmoid'"):
        SSE("sigmoid").fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match="gamma must be above 0"):
        SSE(gamma=0).fit(X, y, classes=TASK.classes)
