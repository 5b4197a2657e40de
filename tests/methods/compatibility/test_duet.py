from math import erf

import numpy as np
import pytest

from zorse.data import toy_patches
from zorse.methods.compatibility.duet import DUET

TASK, _ = toy_patches(random_state=1)
FEW = {"hidden": 8, "epochs": 5, "batch_size": 24, "lr": 0.005, "random_state": 0, "device": "cpu"}


def weights(layer):
    return layer.weight.double().numpy(), 0 if layer.bias is None else layer.bias.double().numpy()


def through(layer, v):
    W, b = weights(layer)
    return W @ v + b


def looked(queries, keys, values):
    found = []
    for q in queries:
        e = np.array([q @ k / len(q) ** 0.5 for k in keys])
        e = np.exp(e - e.max())
        found.append(sum(w * v for w, v in zip(e / e.sum(), values, strict=True)))
    return found


def normed(layer, v):
    W, b = weights(layer)
    return (v - v.mean()) / (v.var() + 1e-5) ** 0.5 * W + b


def naive_scores(model, x):
    """The class scores of one image, token by token."""
    net, h = model.networks_, model.hidden
    patches = [through(net["patch"], (p - model.mean_) / model.spread_) for p in x.reshape(-1, x.shape[-1])]
    z = [t * h**0.5 for t in weights(net["tokens"])[0].T]
    for layer in net["layers"].children():
        keys, values = [[through(layer[name], p) for p in patches] for name in ("show", "bring")]
        found = looked([through(layer["ask"], t) for t in z], keys, values)
        z = [normed(layer["seen"], t + f) for t, f in zip(z, found, strict=True)]
        keys, values = [[through(layer[name], t) for t in z] for name in ("show_own", "bring_own")]
        heard = looked([through(layer["ask_own"], t) for t in z], keys, values)
        z = [normed(layer["heard"], t + f) for t, f in zip(z, heard, strict=True)]
        for i, t in enumerate(z):
            wide = through(layer["think"][0], t)
            wide = np.array([w / 2 * (1 + erf(w / 2**0.5)) for w in wide])
            z[i] = normed(layer["thought"], t + through(layer["think"][2], wide))
    attributes = np.array([t @ r for t, r in zip(z, weights(net["read"])[0].T, strict=True)])
    vectors = TASK.classes.vectors
    return np.array([attributes @ a / np.linalg.norm(a) for a in vectors])


@pytest.mark.parametrize("layers", [1, 2])
def test_scores_written_as_loops(layers):
    model = DUET(**FEW, layers=layers).fit(*TASK.train, classes=TASK.classes)
    for x in TASK.X[:2]:
        np.testing.assert_allclose(model.scores(x[None])[0], naive_scores(model, x), rtol=1e-3, atol=1e-4)


def test_masked_attributes_are_guessed_from_those_that_are_told():
    # Grounding alone, on images that show nothing: what tells a masked attribute is the rest of the class's attributes.
    X, y = TASK.train
    blank = np.zeros_like(X)
    only = {"attribute_contrast": 0, "class_contrast": 0, "calibration": 0}
    long = DUET(**FEW | {"epochs": 150}, **only).fit(blank, y, classes=TASK.classes)
    losses = [epoch["loss"] for epoch in long.history_]
    chance = np.log(len(TASK.seen))  # cross-entropy of classes cannot fall below chance on blank images
    assert np.mean(losses[-10:]) - chance < 0.75 * (losses[0] - chance)


def test_each_term_changes_what_is_learned():
    X, y = TASK.train
    whole = DUET(**FEW).fit(X, y, classes=TASK.classes).scores(X)
    for term in ("grounding", "attribute_contrast", "class_contrast", "calibration"):
        without = DUET(**FEW, **{term: 0.0}).fit(X, y, classes=TASK.classes).scores(X)
        assert np.abs(without - whole).max() > 1e-3, term
