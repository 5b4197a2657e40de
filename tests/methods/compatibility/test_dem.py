import dataclasses

import numpy as np
import pytest

from zorse.core import CapabilityError, InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.dem import DEM

TASK = toy_zsl()
X, y = np.abs(TASK.train[0]), TASK.train[1]
SMALL = {"hidden": 5, "random_state": 0, "device": "cpu"}


# The network sees both sides in units of their root mean square over the training set.
SX = np.sqrt((X**2).mean())
SA = np.sqrt((TASK.classes.select(TASK.seen).vectors ** 2).mean())


def layers(network):
    return [(m.weight.numpy(), m.bias.numpy()) for m in network if hasattr(m, "weight")]


def test_one_step_is_the_gradient_of_the_papers_loss():
    # Both layers by the chain rule, weight decay included, against a step of Adam, whose first one is the sign.
    start = DEM(epochs=0, **SMALL).fit(X, y, classes=TASK.classes)
    moved = DEM(epochs=1, lr=1e-4, weight_decay=0.3, batch_size=len(X), **SMALL).fit(X, y, classes=TASK.classes)
    (W1, b1), (W2, b2) = layers(start.networks_["embed"])
    gradient = [0.3 * p for p in (W1, b1, W2, b2)]
    for x, label in zip(X, y, strict=True):
        a, x = TASK.classes.select([label]).vectors[0] / SA, x / SX
        h = np.maximum(W1 @ a + b1, 0)
        out = np.maximum(W2 @ h + b2, 0)
        to_out = 2 * (out - x) * (out > 0) / X.size
        to_hidden = W2.T @ to_out * (h > 0)
        for g, part in zip(gradient, (np.outer(to_hidden, a), to_hidden, np.outer(to_out, h), to_out), strict=True):
            g += part
    after = [p for layer in layers(moved.networks_["embed"]) for p in layer]
    for before, now, g in zip((W1, b1, W2, b2), after, gradient, strict=True):
        clear = np.abs(g) > 1e-5
        assert clear.mean() > 0.5
        np.testing.assert_allclose((before - now)[clear], 1e-4 * np.sign(g[clear]), rtol=1e-2, atol=1e-6)


def test_a_class_is_scored_by_its_squared_distance_to_the_sample():
    model = DEM(epochs=2, **SMALL).fit(X, y, classes=TASK.classes)
    (W1, b1), (W2, b2) = layers(model.networks_["embed"])
    for c, a in enumerate(TASK.classes.vectors):
        place = SX * np.maximum(W2 @ np.maximum(W1 @ a / SA + b1, 0) + b2, 0)
        np.testing.assert_allclose(model.scores(X)[:, c], -((X - place) ** 2).sum(axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("space", ["visual", "semantic"])
def test_the_units_of_features_and_class_vectors_do_not_matter(space):
    # Powers of two, by which single precision scales without rounding.
    table = dataclasses.replace(TASK.classes, vectors=TASK.classes.vectors / 16)
    one = DEM(space, epochs=3, **SMALL).fit(X, y, classes=TASK.classes)
    other = DEM(space, epochs=3, **SMALL).fit(X / 32, y, classes=table)
    unit = 32 if space == "visual" else 16
    np.testing.assert_allclose(other.scores(X / 32) * unit**2, one.scores(X), rtol=1e-9, atol=1e-9)


def test_modalities_are_fused_after_a_layer_of_their_own():
    first, second = TASK.classes.vectors[:, :2], TASK.classes.vectors[:, 2:]
    table = dataclasses.replace(TASK.classes, vectors=first, views=(second,))
    model = DEM(views=True, epochs=2, **SMALL).fit(X, y, classes=table)
    hidden = 0
    for i, part in enumerate((first, second)):
        ((W, b),) = layers(model.networks_[f"modality_{i}"])
        scale = np.sqrt((part[np.isin(table.labels, TASK.seen)] ** 2).mean())
        hidden = hidden + np.tanh(part / scale @ W.T + b)
    ((W, b),) = layers(model.networks_["embed"])
    np.testing.assert_allclose(model.prototypes_, SX * np.maximum(hidden @ W.T + b, 0), atol=1e-5)


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(InputError, match="'audio'"):
        DEM(space="audio").fit(X, y, classes=TASK.classes)
    with pytest.raises(CapabilityError, match="has none beside"):
        DEM(views=True).fit(X, y, classes=TASK.classes)
    with pytest.raises(CapabilityError, match="visual space alone"):
        DEM(views=True, space="semantic").fit(X, y, classes=TASK.classes)
