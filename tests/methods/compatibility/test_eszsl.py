import numpy as np
import pytest
import torch

from zorse.core import ClassTable
from zorse.data import toy_zsl
from zorse.methods.compatibility.eszsl import ESZSL, eszsl_path

TASK = toy_zsl()
X, y = TASK.train


@pytest.mark.parametrize(("gamma", "lam", "negative"), [(1.0, 1.0, -1.0), (10.0, 0.01, -1.0), (1.0, 2.0, 0.0)])
def test_the_gradient_of_the_objective_is_zero_at_the_solution(gamma, lam, negative):
    model = ESZSL(gamma, lam, negative).fit(X, y, classes=TASK.classes)
    W = torch.tensor(model.weights_, requires_grad=True)
    A = torch.tensor(TASK.classes.select(TASK.seen).vectors)
    Y = torch.tensor(np.where(y[:, None] == TASK.seen, 1.0, negative))
    x = torch.tensor(X)
    norm = lambda M: (M**2).sum()  # noqa: E731
    objective = norm(x @ W @ A.T - Y) + gamma * norm(W @ A.T) + lam * norm(x @ W) + gamma * lam * norm(W)
    objective.backward()
    scale = (x.T @ Y @ A).abs().max()
    assert W.grad.abs().max() / scale < 1e-10


@pytest.mark.parametrize("negative", [-1.0, 0.0])
def test_the_path_holds_every_fit(negative):
    gammas, lams = (0.1, 10.0), (0.5, 2.0, 100.0)
    path = eszsl_path(X, TASK.classes.rows(y), TASK.classes, gammas, lams, negative)
    for i, gamma in enumerate(gammas):
        for j, lam in enumerate(lams):
            single = ESZSL(gamma, lam, negative).fit(X, y, classes=TASK.classes).weights_
            np.testing.assert_allclose(path[i, j], single, rtol=1e-8, atol=1e-12)


def test_rotating_the_features_rotates_the_map():
    Q = np.linalg.qr(np.random.RandomState(0).randn(X.shape[1], X.shape[1]))[0]
    plain = ESZSL().fit(X, y, classes=TASK.classes)
    turned = ESZSL().fit(X @ Q, y, classes=TASK.classes)
    np.testing.assert_allclose(turned.weights_, Q.T @ plain.weights_, atol=1e-10)


def test_unseen_vectors_do_not_enter_the_map():
    other = ClassTable(
        TASK.classes.labels, np.where(np.isin(TASK.classes.labels, TASK.unseen)[:, None], 9.0, TASK.classes.vectors)
    )
    np.testing.assert_array_equal(
        ESZSL().fit(X, y, classes=other).weights_, ESZSL().fit(X, y, classes=TASK.classes).weights_
    )


def test_rounding_outside_the_span_of_the_seen_classes_is_not_blown_up():
    # 6 seen classes of 40 numbers, and a lam that divides what does not belong there by a millionth.
    rng = np.random.default_rng(0)
    A, rows = rng.standard_normal((6, 40)), np.arange(120) % 6
    table = ClassTable(np.arange(6), A)
    X = A[rows] @ rng.standard_normal((40, 15)) + rng.standard_normal((120, 15))
    outside = np.eye(40) - np.linalg.pinv(A) @ A
    grid = eszsl_path(X, rows, table, [0.5], [1e-6])[0, 0]
    for W in (ESZSL(0.5, 1e-6).fit(X, rows, classes=table).weights_, grid):
        assert np.abs(W @ outside).max() < 1e-12 * np.abs(W).max()
