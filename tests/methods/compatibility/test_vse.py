import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from zorse.core import InputError
from zorse.data import toy_patches
from zorse.methods.compatibility.vse import VSE

TASK, _ = toy_patches(random_state=1)
FEW = {"parts": 2, "prototypes": 5, "epochs": 5, "batch_size": 24, "lr": 0.005, "random_state": 0, "device": "cpu"}
MODEL = VSE(**FEW, ridge=0.1, shrinkage=0.3).fit(*TASK.train, classes=TASK.classes)
VECTORS = TASK.classes.vectors / np.linalg.norm(TASK.classes.vectors, axis=1, keepdims=True)


def softmax(v):
    e = np.exp(v - np.max(v))
    return e / e.sum()


def naive_pi(model, x):
    """The visually semantic embedding of one image, part by part."""
    patches = ((x - model.mean_) / model.spread_).reshape(-1, x.shape[-1])
    group = model.networks_["group"].weight.double().numpy()
    means = model.networks_["prototypes"].weight.double().numpy().reshape(model.parts, -1, x.shape[-1])
    pi = []
    for m in range(model.parts):
        channels = [np.concatenate([np.maximum(p, 0), np.maximum(-p, 0)]) for p in patches]
        look = softmax([group[m] @ c for c in channels])
        z = sum(a * p for a, p in zip(look, patches, strict=True))
        pi.append(softmax([-np.sum((z - mu) ** 2) / (2 * float(model.widths_[m])) for mu in means[m]]))
    return np.concatenate(pi)


def test_scores_written_as_loops():
    X, y = TASK.train
    seen = np.unique(y)
    pi = np.array([naive_pi(MODEL, x.astype(np.float64)) for x in X])
    means = np.array([pi[y == label].mean(axis=0) for label in seen])
    centred = pi - means[np.searchsorted(seen, y)]
    within = centred.T @ centred / len(X)
    S = 0.7 * within + 0.3 * np.trace(within) / len(within) * np.eye(len(within))
    A = VECTORS[TASK.classes.rows(seen)]
    # Ridge regression with an intercept that is not penalised.

    g = Ridge(alpha=0.1).fit(A, means)
    for i in range(4):
        gaps = [pi[i] - g.predict(a[None])[0] for a in VECTORS]
        expected = [-gap @ np.linalg.inv(S) @ gap for gap in gaps]
        np.testing.assert_allclose(MODEL.scores(X[i : i + 1])[0], expected, rtol=2e-3)


def test_the_embedding_is_a_distribution_for_each_part():
    (_, x), *_ = MODEL._blocks(TASK.X)
    pi, apart = MODEL._posterior(MODEL._parts(x, MODEL.networks_)[0])
    assert pi.shape == (len(TASK.X), 2, 5)
    torch.testing.assert_close(pi.sum(dim=2), torch.ones(len(TASK.X), 2))
    assert (pi.argmax(dim=2) == apart.argmin(dim=2)).all()


def test_channels_that_peak_together_are_a_part():
    rng = np.random.RandomState(0)
    X = 0.1 * np.abs(rng.randn(60, 4, 4, 6)).astype(np.float32)
    for i in range(60):
        one, other = rng.permutation(16)[:2]
        X[i].reshape(16, 6)[one, :3] += 3  # channels 0 to 2 at one place, 3 to 5 at another, anew in every image
        X[i].reshape(16, 6)[other, 3:] += 3
    # A third part takes what channels are below their mean, which peaks nowhere in particular.
    model = VSE(**FEW | {"epochs": 0, "parts": 3}).fit(X, np.repeat(["a", "b"], 30))
    strength = model.networks_["group"].weight[:, :6]  # of the channels above their mean
    parts = strength.argmax(dim=0).tolist()
    assert parts[:3] == parts[:1] * 3
    assert parts[3:] == parts[3:4] * 3
    assert parts[0] != parts[3]


def test_bad_parameters_are_named():
    for changed in ({"parts": 0}, {"prototypes": 1}, {"shrinkage": 0.0}):
        with pytest.raises(InputError, match="expected a part, two prototypes and a shrinkage"):
            VSE(**FEW | changed).fit(*TASK.train, classes=TASK.classes)
