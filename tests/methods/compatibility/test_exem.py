import dataclasses

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.kernel_ridge import KernelRidge

from zorse.core import CapabilityError, InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.exem import EXEM

TASK = toy_zsl()
X, y = TASK.train
TEST = TASK.test_unseen[0]
UNIT = TASK.classes.vectors / np.linalg.norm(TASK.classes.vectors, axis=1, keepdims=True)
SEEN, UNSEEN = TASK.classes.rows(TASK.seen), TASK.classes.rows(TASK.unseen)
WITHIN = X - np.stack([X[y == label].mean(axis=0) for label in y])


@pytest.mark.parametrize("metric", ["euclidean", "standardised"])
def test_is_the_papers_nearest_exemplar_over_scikit_learns_pca_and_kernel_ridge(metric):
    pca = PCA(5).fit(X)
    means = np.stack([pca.transform(X[y == label]).mean(axis=0) for label in TASK.seen])
    ridge = KernelRidge(kernel="rbf", gamma=1 / 0.9**2, alpha=0.2).fit(UNIT[SEEN], means - means.mean(axis=0))
    exemplars = ridge.predict(UNIT[UNSEEN]) + means.mean(axis=0)
    unit = np.ones(5)
    if metric == "standardised":
        variances = (WITHIN @ pca.components_.T).var(axis=0)
        unit = np.sqrt(variances + 0.5 * variances.mean())
    expected = [[-(((x - m) / unit) ** 2).sum() for m in exemplars] for x in pca.transform(TEST)]
    model = EXEM(metric, components=5, sigma=0.9, alpha=0.2, smoothing=0.5).fit(X, y, classes=TASK.classes)
    np.testing.assert_allclose(model.with_candidates(TASK.unseen).scores(TEST), expected, atol=1e-9)


def test_whitening_leaves_no_covariance_within_classes():
    model = EXEM("whitened", components=7, smoothing=1e-9).fit(X, y, classes=TASK.classes)
    placed = WITHIN @ model.basis_
    np.testing.assert_allclose(placed.T @ placed / len(X), np.eye(7), atol=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "whitened"])
def test_rotating_the_features_changes_nothing(metric):
    Q = np.linalg.qr(np.random.RandomState(0).randn(X.shape[1], X.shape[1]))[0]
    plain, turned = EXEM(metric).fit(X, y, classes=TASK.classes), EXEM(metric).fit(X @ Q, y, classes=TASK.classes)
    np.testing.assert_allclose(turned.scores(TEST @ Q), plain.scores(TEST), atol=1e-9)


def test_views_share_one_kernel():
    halves = dataclasses.replace(
        TASK.classes, vectors=TASK.classes.vectors[:, :3], views=(TASK.classes.vectors[:, 3:],)
    )
    model = EXEM(views=True).fit(X, y, classes=halves)
    same = dataclasses.replace(halves, views=(halves.vectors,))  # a space beside itself is the space alone
    np.testing.assert_allclose(
        EXEM(views=True).fit(X, y, classes=same).scores(TEST), EXEM().fit(X, y, classes=halves).scores(TEST)
    )
    assert not np.allclose(model.scores(TEST), EXEM().fit(X, y, classes=halves).scores(TEST))
    with pytest.raises(CapabilityError, match="has none beside"):
        EXEM(views=True).fit(X, y, classes=TASK.classes)


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match="'manhattan'"):
        EXEM("manhattan").fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match="alpha must be above 0; got 0"):
        EXEM(alpha=0).fit(X, y, classes=TASK.classes)
