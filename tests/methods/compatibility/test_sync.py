import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.sync import SynC

TASK = toy_zsl()
X, y = TASK.train
SEEN = TASK.classes.select(TASK.seen)


def test_similarities_are_the_papers_and_phantoms_reconstruct_every_seen_classifier():
    model = SynC(sigma=0.7).fit(X, y, classes=TASK.classes)
    unit = [v / np.linalg.norm(v) for v in TASK.classes.vectors]
    phantoms = [v / np.linalg.norm(v) for v in SEEN.vectors]
    for a, w in zip(unit, model.weights_, strict=True):
        near = [np.exp(-((a - b) ** 2).sum() / 0.7**2) for b in phantoms]
        expected = sum(s / sum(near) * v for s, v in zip(near, model.phantom_weights_, strict=True))
        np.testing.assert_allclose(w, expected, atol=1e-8)
    np.testing.assert_allclose(model.with_candidates(TASK.seen).weights_, model.seen_weights_, atol=1e-8)


def test_one_vs_other_is_scikit_learns_squared_hinge():
    lam, n, s = 0.01, len(X), len(TASK.seen)
    svm = LinearSVC(C=1 / (n * s * lam), loss="squared_hinge", fit_intercept=False, dual=False, tol=1e-10).fit(X, y)
    # Its objective is 1/2 ||w||^2 + C sum hinge^2; ours is that times lam.
    model = SynC(lam=lam).fit(X, y, classes=TASK.classes)
    np.testing.assert_allclose(model.seen_weights_, svm.coef_, atol=1e-4)


@pytest.mark.parametrize("loss", ["crammer-singer", "structured"])
def test_no_direction_goes_down_from_the_minimum_of_a_multi_class_hinge(loss):
    lam = 0.05
    model = SynC(loss, lam=lam).fit(X, y, classes=TASK.classes)
    phi = torch.tensor(model.phantoms_)
    margin = torch.cdist(phi, phi) if loss == "structured" else 1 - torch.eye(len(phi), dtype=torch.float64)
    target = torch.tensor(np.searchsorted(TASK.seen, y))

    def objective(W):
        scores = torch.tensor(X) @ torch.as_tensor(W).T
        worst = (margin[target] + scores - scores.gather(1, target[:, None])).amax(dim=1)
        return float(worst.mean() + lam / 2 * torch.as_tensor(W).square().sum())

    least, rng = objective(model.seen_weights_), np.random.RandomState(0)
    assert least < 0.7 * objective(np.zeros_like(model.seen_weights_))
    for _ in range(100):
        assert objective(model.seen_weights_ + 1e-2 * rng.randn(*model.seen_weights_.shape)) > least


def test_another_width_needs_no_other_fit():
    model = SynC(sigma=0.5).fit(X, y, classes=TASK.classes).set_params(sigma=2.0).with_candidates(TASK.unseen)
    again = SynC(sigma=2.0).fit(X, y, classes=TASK.classes).with_candidates(TASK.unseen)
    np.testing.assert_array_equal(model.scores(X), again.scores(X))


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match="'hinge'"):
        SynC("hinge").fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match="must be above 0; got 0"):
        SynC(sigma=0).fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        SynC().fit(X[y == y[0]], y[y == y[0]], classes=TASK.classes)
