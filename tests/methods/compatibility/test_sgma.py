import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_patches
from zorse.methods.compatibility.sgma import SGMA
from zorse.nn.parts import compactness, overlap

TASK, EVIDENCE = toy_patches(random_state=1)
FEW = {"hidden": 6, "epochs": 10, "batch_size": 24, "lr": 0.005, "random_state": 0, "device": "cpu"}
MODEL = SGMA(**FEW, ridge=0.1).fit(*TASK.train, classes=TASK.classes)
VECTORS = TASK.classes.vectors / np.linalg.norm(TASK.classes.vectors, axis=1, keepdims=True)


def through(layers, v, last=lambda v: v):
    (W1, b1), (W2, b2) = ((layers[i].weight.double().numpy(), layers[i].bias.double().numpy()) for i in (0, 2))
    return last(W2 @ np.maximum(W1 @ v + b1, 0) + b2)


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def naive_theta(model, x):
    """What one image is embedded to, patch by patch."""
    net, (gh, gw) = model.networks_, x.shape[:2]
    x = (x - model.mean_) / model.spread_
    channels = np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=2)
    g = channels.mean(axis=(0, 1))
    theta = [through(net["whole"], x.mean(axis=(0, 1)))]
    for layers in net["channels"].children():
        w = through(layers, g, sigmoid)
        maps = {(i, j): sigmoid(w @ (channels[i, j] - g)) for i in range(gh) for j in range(gw)}
        mass = sum(m**2 for m in maps.values())
        row = sum(m**2 * (i + 0.5) for (i, _), m in maps.items()) / mass
        column = sum(m**2 * (j + 0.5) for (_, j), m in maps.items()) / mass

        def inside(at, centre, g):
            half = model.side * g / 2
            return sigmoid(10 * (at + 0.5 - centre + half)) - sigmoid(10 * (at + 0.5 - centre - half))

        crop = {(i, j): m * inside(i, row, gh) * inside(j, column, gw) for (i, j), m in maps.items()}
        part = sum(c * x[at] for at, c in crop.items()) / sum(crop.values())
        theta.append(through(net["part"], part))
    return np.concatenate(theta)


def test_scores_written_as_loops():
    X, y = TASK.train
    embedded = np.array([naive_theta(MODEL, x.astype(np.float64)) for x in X])
    latent = embedded / np.linalg.norm(embedded, axis=1, keepdims=True)
    seen = np.unique(y)
    A = VECTORS[TASK.classes.rows(seen)]
    centres = np.array([latent[y == label].mean(axis=0) for label in seen])
    W = MODEL.networks_["semantic"].weight.double().numpy()
    for i in range(3):
        expected = []
        for a in VECTORS:
            # How ridge regression puts this class's vector together from those of the seen ones.
            share = np.linalg.solve(A @ A.T + 0.1 * np.eye(len(A)), A @ a)
            prototype = share @ centres
            cosine = latent[i] @ prototype / np.linalg.norm(prototype)
            expected.append(embedded[i] @ W.T @ a + MODEL.latent * cosine)
        np.testing.assert_allclose(MODEL.scores(X[i : i + 1])[0], expected, rtol=1e-3, atol=1e-3)


def test_losses_on_maps_do_what_they_are_for():
    def maps(attention):
        model = SGMA(**FEW | {"epochs": 40}, attention=attention).fit(*TASK.train, classes=TASK.classes)
        (_, x), *_ = model._blocks(TASK.test_unseen[0])
        return model._maps(x)[0]

    free, kept = maps(0.0), maps(5.0)
    assert compactness(kept) + overlap(kept, 0.2) < 0.9 * (compactness(free) + overlap(free, 0.2))


def test_bad_parameters_are_named():
    for changed in ({"parts": 0}, {"side": 0.0}, {"side": 1.5}):
        with pytest.raises(InputError, match="at least 1 part and a side"):
            SGMA(**FEW, **changed).fit(*TASK.train, classes=TASK.classes)
