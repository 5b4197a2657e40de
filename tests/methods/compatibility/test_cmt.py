import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.cmt import CMT

TASK = toy_zsl()
X, y = TASK.train
FEW = {"hidden": 16, "epochs": 40, "lr": 0.01, "random_state": 0, "device": "cpu"}
UNIT = TASK.classes.vectors / np.linalg.norm(TASK.classes.vectors, axis=1, keepdims=True)


def embedded(model, x):
    (W1, b1), (W2, b2) = (
        (m.weight.double().numpy(), m.bias.double().numpy()) for m in model.networks_["embed"] if hasattr(m, "weight")
    )
    return W2 @ np.tanh(W1 @ x + b1) + b2


def test_without_novelty_a_class_is_as_good_as_it_is_near():
    model = CMT(**FEW).fit(X, y, classes=TASK.classes)
    expected = [[-((embedded(model, x) - w) ** 2).sum() for w in UNIT] for x in X[:5]]
    np.testing.assert_allclose(model.scores(X[:5]), expected, atol=1e-9)


def test_the_paper_asks_first_whether_a_sample_is_novel():
    model = CMT(novelty=0.2, **FEW).fit(X, y, classes=TASK.classes)
    seen = TASK.classes.rows(TASK.seen)
    places = np.array([embedded(model, x) for x in X])
    bounds = []
    for label, row in zip(TASK.seen, seen, strict=True):
        squared = ((places[y == label] - UNIT[row]) ** 2).sum(axis=1)
        outside = squared > model.bound_[len(bounds)] + 1e-9
        assert 0 < outside.sum() <= np.ceil(0.2 * len(squared))  # a share of each class lies outside
        bounds.append(np.quantile(squared, 0.8))
    softmax = LogisticRegression(max_iter=1000).fit(X, y)
    told, kinds = model.predict(TASK.X), set()
    for x, label in zip(TASK.X, told, strict=True):
        squared = {c: ((embedded(model, x) - w) ** 2).sum() for c, w in zip(TASK.classes.labels, UNIT, strict=True)}
        novel = all(squared[c] > bound for c, bound in zip(TASK.seen, bounds, strict=True))
        kinds.add(novel)
        assert label == (min(TASK.unseen, key=squared.get) if novel else softmax.predict(x[None])[0])
    assert kinds == {True, False}


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match="novelty must be a share"):
        CMT(novelty=5).fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        CMT().fit(X[y == y[0]], y[y == y[0]], classes=TASK.classes)
