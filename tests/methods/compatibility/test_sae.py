from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import solve_sylvester

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.sae import SAE, sae_path

TASK = toy_zsl()
X, y = TASK.train
S = TASK.classes.vectors[TASK.classes.rows(y)]


@pytest.mark.parametrize("lam", [0.01, 1.0, 500.0])
def test_agrees_with_scipys_sylvester_solver(lam):
    W = solve_sylvester(S.T @ S, lam * X.T @ X, (1 + lam) * S.T @ X)
    np.testing.assert_allclose(SAE(lam).fit(X, y, classes=TASK.classes).weights_, W.T, rtol=1e-7, atol=1e-9)


def test_the_gradient_of_the_objective_is_zero_at_the_solution():
    W = torch.tensor(SAE(3.0).fit(X, y, classes=TASK.classes).weights_.T, requires_grad=True)
    x, s = torch.tensor(X), torch.tensor(S)
    (((x - s @ W) ** 2).sum() + 3 * ((x @ W.T - s) ** 2).sum()).backward()
    assert W.grad.abs().max() < 1e-9


def test_idle_features_and_attributes_get_no_weight():
    # Both sides are singular, where a general solver fails; the solution of least norm ignores what is never active.
    x, s = np.pad(X, ((0, 0), (0, 3))), np.pad(TASK.classes.vectors, ((0, 0), (0, 2)))
    (W,) = sae_path(x, TASK.classes.rows(y), replace(TASK.classes, vectors=s), [1.0])
    expected = solve_sylvester(S.T @ S, X.T @ X, 2 * S.T @ X)
    np.testing.assert_allclose(W.T, np.pad(expected, ((0, 2), (0, 3))), atol=1e-9)


def test_the_path_holds_every_fit():
    lams = (0.01, 1.0, 500.0)
    path = sae_path(X, TASK.classes.rows(y), TASK.classes, lams)
    for lam, weights in zip(lams, path, strict=True):
        np.testing.assert_allclose(weights, SAE(lam).fit(X, y, classes=TASK.classes).weights_, rtol=1e-9, atol=1e-12)


def test_decoding_compares_samples_with_decoded_classes():
    model = SAE(direction="decode").fit(X, y, classes=TASK.classes)
    decoded = TASK.classes.vectors @ model.weights_.T
    x = TASK.test_unseen[0][:4]
    expected = [[v @ p / np.linalg.norm(v) / np.linalg.norm(p) for p in decoded] for v in x]
    np.testing.assert_allclose(model.scores(x), expected)


def test_a_zero_sample_scores_zero():
    assert (SAE().fit(X, y, classes=TASK.classes).scores(np.zeros((1, X.shape[1]))) == 0).all()


@pytest.mark.parametrize(("params", "message"), [({"lam": 0}, "lam must be above 0"), ({"direction": "up"}, "'up'")])
def test_bad_parameters_are_named(params, message):
    with pytest.raises(InputError, match=message):
        SAE(**params).fit(X, y, classes=TASK.classes)
