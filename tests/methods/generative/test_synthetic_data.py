"""Any callable is a generator; what it gets wrong is filtered out, and what it knows is learned."""

import math

import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.data import toy_zsl
from zorse.methods.generative.synthetic_data import SyntheticData
from zorse.nn.vectors import unit_rows

SMALL = {"n_synthetic": 40, "batch_size": 64, "scale": 10.0, "device": "cpu", "random_state": 0}


def test_the_generator_is_asked_for_each_class_and_images_are_encoded():
    asked = []

    class Halves:
        def encode_images(self, images):
            return np.stack([image / 2 for image in images])

    def make(name, vector, n, random_state):
        asked.append((name, n))
        return [vector + 0.1 * random_state.randn(len(vector)) for _ in range(n)]

    table = ClassTable([2, 1], np.eye(2, 3), names=("fox", "owl"))
    model = SyntheticData(make, Halves(), **SMALL).fit(None, None, classes=table)
    assert asked == [("owl", 40), ("fox", 40)]
    np.testing.assert_array_equal(model.predict(np.eye(2, 3)), [2, 1])
    with pytest.raises(InputError, match="class 1 must be finite"):
        SyntheticData(lambda *told: np.zeros((4, 2)), **SMALL).fit(None, None, classes=table)


def test_the_filter_drops_what_looks_like_another_class():
    def mixes_up(name, vector, n, random_state):  # every fourth sample of "fox" is an owl
        x = np.tile(vector, (n, 1)) + 0.01 * random_state.randn(n, len(vector))
        if name == "fox":
            x[::4] = np.eye(2, 3)[1]
        return x

    table = ClassTable([0, 1], np.eye(2, 3), names=("fox", "owl"))
    model = SyntheticData(mixes_up, **SMALL).fit(None, None, classes=table)
    np.testing.assert_array_equal(model.n_kept_, [30, 40])
    all_kept = SyntheticData(mixes_up, confidence=0.0, **SMALL).fit(None, None, classes=table)
    np.testing.assert_array_equal(all_kept.n_kept_, [40, 40])
    only_best = SyntheticData(mixes_up, confidence=1.0, **SMALL).fit(None, None, classes=table)
    np.testing.assert_array_equal(only_best.n_kept_, [1, 1])


def test_the_loss_is_the_cross_entropy_of_softened_labels():
    made = {name: unit_rows(np.random.RandomState(i).rand(4, 3)) for i, name in enumerate(("fox", "owl"))}
    table = ClassTable([0, 1], unit_rows(np.array([[1, 2, 0], [0.5, 0, 2.0]])), names=tuple(made))
    alone = {"confidence": 0.0, "soft": 0.3, "epochs": 1, "batch_size": 8, "scale": 4.0, "device": "cpu"}
    model = SyntheticData(lambda name, *rest: made[name], **alone, random_state=0).fit(None, None, classes=table)
    total = 0.0
    for label, name in enumerate(made):
        for x in made[name]:
            e = [math.exp(4 * sum(u * v for u, v in zip(x, w))) for w in table.vectors]
            p = [v / sum(e) for v in e]  # at the start the tuned classifier is the untuned one
            target = [0.7 * (label == c) + 0.3 * p[c] for c in range(2)]
            total -= sum(t * math.log(q) for t, q in zip(target, p)) / 8
    assert model.history_[0]["tuning"] == pytest.approx(total, rel=1e-5)


def test_a_generator_that_knows_more_than_the_text_helps():
    rng = np.random.RandomState(1)
    task = toy_zsl(aligned=True, noise=0.1)
    shift = {label: 0.8 * rng.randn(task.X.shape[1]) / 4 for label in task.classes.labels}
    X = task.X + np.stack([shift[label] for label in task.y])  # no class looks quite as its text says

    def knows(name, vector, n, random_state):
        return vector + shift[name] + 0.1 * random_state.randn(n, len(vector))

    tuned = SyntheticData(knows, soft=0.0, epochs=60, lr=0.02, **SMALL).fit(None, None, classes=task.classes)
    text = SyntheticData(knows, epochs=0, **SMALL).fit(None, None, classes=task.classes)
    probability = [model.predict_proba(X)[np.arange(len(X)), task.classes.rows(task.y)] for model in (tuned, text)]
    assert probability[0].mean() > probability[1].mean() + 0.05
