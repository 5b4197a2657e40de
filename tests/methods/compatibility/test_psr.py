import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.psr import PSR

TASK = toy_zsl()
X, y = np.abs(TASK.train[0]), TASK.train[1]


def unit(v):
    return v / np.linalg.norm(v)


def run(network, v):
    (W1, b1), (W2, b2) = ((m.weight.double().numpy(), m.bias.double().numpy()) for m in network if hasattr(m, "weight"))
    return W2 @ np.maximum(W1 @ v + b1, 0) + b2


def test_the_first_loss_is_the_sum_of_the_papers_relations():
    settings = {"tau": 0.1, "epsilon": 0.05, "similar": 0.7, "dissimilar": 1.3, "reconstruct": 0.4, "hidden": 9}
    settings |= {"batch_size": len(X), "random_state": 0, "device": "cpu"}
    model = PSR(epochs=0, **settings).fit(X, y, classes=TASK.classes)
    encode, decode = model.networks_["encode"], model.networks_["decode"]
    a = {c: unit(TASK.classes.select([c]).vectors[0]) for c in TASK.seen}
    f = {c: np.maximum(run(encode, v), 0) for c, v in a.items()}
    total = 0.4 * np.mean([((v - run(decode, f[c])) ** 2).sum() for c, v in a.items()])
    for x, own in zip(X, y, strict=True):
        x, alike, apart = unit(x), [], []
        for c in TASK.seen[TASK.seen != own]:
            delta, cos = a[own] @ a[c], x @ unit(f[c])
            if delta >= 0.1:
                alike.append(max(0, abs(cos - delta) - 0.05))
            else:
                apart.append(max(0, cos - delta))
        assert apart
        terms = ((x - f[own]) ** 2).sum() + 0.7 * (np.mean(alike) if alike else 0) + 1.3 * np.mean(apart)
        total += terms / len(X)
    still = PSR(epochs=1, lr=1e-12, **settings).fit(X, y, classes=TASK.classes)
    assert still.history_[0]["loss"] == pytest.approx(total, rel=1e-4)


def test_scores_are_cosines_with_embedded_classes():
    model = PSR(hidden=9, epochs=2, random_state=0, device="cpu").fit(X, y, classes=TASK.classes)
    places = [np.maximum(run(model.networks_["encode"], unit(a)), 0) for a in TASK.classes.vectors]
    expected = [[unit(x) @ unit(p) for p in places] for x in X[:5]]
    np.testing.assert_allclose(model.scores(X[:5]), expected, atol=1e-9)


def test_a_threshold_that_is_no_cosine_is_refused():
    with pytest.raises(InputError, match="from -1 to 1; got 2"):
        PSR(tau=2).fit(X, y, classes=TASK.classes)
