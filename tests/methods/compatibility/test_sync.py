import numpy as np
import pytest
from scipy.special import expit, log_expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances
from sklearn.svm import LinearSVC

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.sync import SynC
from zorse.nn.simplex import onto_simplex
from zorse.training import minimise_hinge, minimise_linear

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


def hinge(W, margins, lam):
    """The paper's multi-class hinge with its penalty, a sample and a class at a time."""
    target = np.searchsorted(TASK.seen, y)
    missed = [max(margins[t, c] + (W[c] - W[t]) @ x for c in range(len(W))) for x, t in zip(X, target, strict=True)]
    return np.mean(missed) + lam / 2 * (W**2).sum()


@pytest.mark.parametrize("lam", [1e-2, 1e-4])
def test_crammer_singer_has_liblinears_minimum(lam):
    svm = LinearSVC(
        C=1 / (len(X) * lam),
        multi_class="crammer_singer",
        fit_intercept=False,
        tol=1e-6,
        max_iter=100_000,
        random_state=0,
    ).fit(X, y)
    model = SynC("crammer-singer", lam=lam).fit(X, y, classes=TASK.classes)
    margins = 1 - np.eye(len(TASK.seen))
    assert hinge(model.seen_weights_, margins, lam) == pytest.approx(hinge(svm.coef_, margins, lam), rel=0.01)


def lower_bound(margins, lam, steps=3000):
    """The dual's value for a point of each sample's simplex, found by accelerated projected gradient.

    max_c z_c >= p z for any p of the simplex, so no W has a lower objective than the best one for p in place of max.
    """
    n, target = len(X), np.searchsorted(TASK.seen, y)
    E, K = np.eye(len(margins))[target], X @ X.T / (n * lam)
    step, P, ahead, t = 1 / np.linalg.eigvalsh(K)[-1], E, E, 1.0
    for _ in range(steps):
        new = onto_simplex(ahead + step * (margins[target] + K @ (E - ahead)))
        if ((ahead - new) * (new - P)).sum() > 0:
            t = 1.0  # too far ahead: start over
        t, before = (1 + np.sqrt(1 + 4 * t**2)) / 2, t
        ahead, P = new + (before - 1) / t * (new - P), new
    return ((margins[target] * P).sum() - ((E - P) * (K @ (E - P))).sum() / 2) / n


@pytest.mark.parametrize("lam", [1e-2, 1e-4])
def test_no_weights_have_a_lower_structured_hinge(lam):
    model = SynC("structured", lam=lam).fit(X, y, classes=TASK.classes)
    margins = pairwise_distances(model.phantoms_)
    bound = lower_bound(margins, lam)
    assert bound <= hinge(model.seen_weights_, margins, lam) <= 1.01 * bound


def test_what_is_not_minimised_is_told():
    target = np.searchsorted(TASK.seen, y)
    with pytest.warns(ConvergenceWarning, match="after 2 passes: its objective is"):
        minimise_hinge(X, target, 1 - np.eye(len(TASK.seen)), penalty=1e-4, max_iter=2)
    # Labels by chance on features far from 0, which few passes don't settle: what comes is no worse than no weights.
    chance = np.random.RandomState(0).randint(3, size=len(X))
    with pytest.warns(ConvergenceWarning, match="its objective is 1,"):
        W = minimise_hinge(X + 100, chance, 1 - np.eye(3), penalty=0.1, max_iter=20)
    np.testing.assert_array_equal(W, 0)
    sign = np.where(target[:, None] == np.arange(len(TASK.seen)), 1.0, -1.0)

    def logistic(scores):
        return -log_expit(sign * scores).sum(), -sign * expit(-sign * scores)

    with pytest.warns(ConvergenceWarning, match="L-BFGS stopped after 2 iterations"):
        minimise_linear(X, sign.shape[1], logistic, penalty=np.ones(X.shape[1]), curvature=0.25, max_iter=2)


def test_another_width_needs_no_other_fit():
    model = SynC(sigma=0.5).fit(X, y, classes=TASK.classes).set_params(sigma=2.0).with_candidates(TASK.unseen)
    again = SynC(sigma=2.0).fit(X, y, classes=TASK.classes).with_candidates(TASK.unseen)
    np.testing.assert_array_equal(model.scores(X), again.scores(X))


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match="'hinge'"):
        SynC("hinge").fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match="must be above 0; got 0"):
        SynC(sigma=0).fit(X, y, classes=TASK.classes)
    for sigma in (0, -1, np.nan):
        with pytest.raises(InputError, match=f"sigma and lam must be above 0; got {sigma}"):
            SynC().fit(X, y, classes=TASK.classes).set_params(sigma=sigma).with_candidates(TASK.unseen)
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        SynC().fit(X[y == y[0]], y[y == y[0]], classes=TASK.classes)
