from copy import deepcopy

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.gfzsl import GFZSL

TASK = toy_zsl()
X, y = TASK.train
UNIT = TASK.classes.vectors / np.linalg.norm(TASK.classes.vectors, axis=1, keepdims=True)
SEEN = TASK.classes.rows(TASK.seen)
MEANS = np.stack([X[y == label].mean(axis=0) for label in TASK.seen])
WITHIN = X - MEANS[np.searchsorted(TASK.seen, y)]
FLOOR = 0.1 * (WITHIN**2).mean()
LOG_VARS = np.log([WITHIN[y == label].var(axis=0) + FLOOR for label in TASK.seen])


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_unseen_classes_are_the_papers_gaussians_over_scikit_learns_kernel_ridge(kernel):
    settings = {"kernel": "rbf", "gamma": 1 / 0.8**2} if kernel == "rbf" else {"kernel": "linear"}
    unseen = UNIT[TASK.classes.rows(TASK.unseen)]
    parameters = []
    for target, alpha in ((MEANS, 0.3), (LOG_VARS, 2.0)):
        ridge = KernelRidge(alpha=alpha, **settings).fit(UNIT[SEEN], target - target.mean(axis=0))
        parameters.append(ridge.predict(unseen) + target.mean(axis=0))
    x = TASK.test_unseen[0][:6]
    expected = [[norm.logpdf(v, m, np.exp(s / 2)).sum() for m, s in zip(*parameters, strict=True)] for v in x]
    model = GFZSL(kernel, sigma=0.8, alpha_mean=0.3, alpha_var=2.0).fit(X, y, classes=TASK.classes)
    scores = model.with_candidates(TASK.unseen).scores(x)
    constant = -len(x[0]) / 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(scores + constant, expected, rtol=1e-9)


def test_the_predicted_mean_is_that_of_a_gaussian_process():
    process = GaussianProcessRegressor(RBF(1 / 2**0.5), alpha=0.2, optimizer=None)
    process.fit(UNIT[SEEN], MEANS - MEANS.mean(axis=0))
    model = GFZSL(sigma=1.0, alpha_mean=0.2).fit(X, y, classes=TASK.classes).with_candidates(TASK.unseen)
    expected = process.predict(UNIT[TASK.classes.rows(TASK.unseen)]) + MEANS.mean(axis=0)
    np.testing.assert_allclose(model.means_, expected, atol=1e-8)


def test_a_seen_class_keeps_what_its_samples_say():
    model = GFZSL().fit(X, y, classes=TASK.classes).with_candidates(TASK.seen)
    np.testing.assert_allclose(model.means_, MEANS)
    np.testing.assert_allclose(model.log_vars_, LOG_VARS)


def test_with_a_shared_covariance_scores_differ_as_log_densities_do():
    model = GFZSL(covariance="shared").fit(X, y, classes=TASK.classes)
    S = WITHIN.T @ WITHIN / len(X) + FLOOR * np.eye(X.shape[1])
    x = TASK.test_unseen[0][:6]
    expected = np.column_stack([multivariate_normal.logpdf(x, m, S) for m in model.means_])
    scores = model.scores(x)
    np.testing.assert_allclose(scores - scores[:, :1], expected - expected[:, :1], atol=1e-8)


@pytest.mark.parametrize("covariance", ["diagonal", "shared"])
def test_what_all_features_have_in_common_means_nothing(covariance):
    x, _ = TASK.test_unseen
    scores = GFZSL(covariance=covariance).fit(X, y, classes=TASK.classes).scores(x)
    moved = GFZSL(covariance=covariance).fit(X + 1e7, y, classes=TASK.classes).scores(x + 1e7)
    np.testing.assert_allclose(moved - moved[:, :1], scores - scores[:, :1], atol=1e-4)


@pytest.mark.parametrize("copies", [2, 3, 7])
def test_samples_that_are_all_alike_have_variance_1(copies):
    # Three times 0.1 has a mean that is not 0.1 in floating point.
    same, labels = np.repeat(MEANS, copies, axis=0), np.repeat(TASK.seen, copies)
    model = GFZSL().fit(same, labels, classes=TASK.classes)
    np.testing.assert_allclose(model.seen_log_vars_, 0.0, atol=1e-12)


def test_bad_parameters_are_named():
    for params, message in (({"kernel": "poly"}, "'poly'"), ({"covariance": "full"}, "'full'")):
        with pytest.raises(InputError, match=message):
            GFZSL(**params).fit(X, y, classes=TASK.classes)
    fitted = GFZSL().fit(X, y, classes=TASK.classes)
    for name, value, message in (
        ("alpha_mean", -1, "alpha_mean must be above 0; got -1"),
        ("kernel", "poly", "'poly'"),
    ):
        with pytest.raises(InputError, match=message):
            deepcopy(fitted).set_params(**{name: value}).with_candidates(TASK.unseen)
    with pytest.raises(InputError, match="alpha_var must be above 0; got 0"):
        GFZSL(alpha_var=0).fit(X, y, classes=TASK.classes)
