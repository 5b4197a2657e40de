import numpy as np
import pytest

from zorse.data import toy_zsl
from zorse.methods.transductive.zlap import ZLaP
from zorse.nn.vectors import unit_rows

TASK = toy_zsl(aligned=True, n_seen=4, n_unseen=6, noise=0.4)
U, NEW = TASK.test_unseen[0], TASK.X[TASK.train_index][:9]
TABLE = TASK.classes


def naive_weights(images, texts, k, gamma):
    """The graph edge by edge, from the paper."""
    c, m = len(texts), len(images)
    W = np.zeros((c + m, c + m))
    for i in range(m):
        for j in np.argsort(-images @ images[i], kind="stable")[:k]:
            W[c + i, c + j] += max(images[i] @ images[j], 0)
        for t in np.argsort(-texts @ images[i], kind="stable")[:k]:
            W[c + i, t] += max(images[i] @ texts[t], 0) ** gamma
    W = W + W.T
    np.fill_diagonal(W, 0)
    return W


def naive_inverse(images, texts, k, gamma, alpha):
    W = naive_weights(images, texts, k, gamma)
    D = np.diag(1 / np.sqrt(W.sum(axis=1)))
    return np.linalg.inv(np.eye(len(W)) - alpha * D @ W @ D)


def fitted(**params):
    return ZLaP(**params).fit(None, None, classes=TABLE, unlabelled=U)


@pytest.mark.parametrize("params", [{}, {"k": 3, "gamma": 2.0, "alpha": 0.8}])
def test_known_images_have_the_dense_solution(params):
    images, texts = unit_rows(U), unit_rows(TABLE.vectors)
    options = {"k": 5, "gamma": 5.0, "alpha": 0.3} | params
    inverse = naive_inverse(images, texts, **options)
    c = len(texts)
    np.testing.assert_allclose(fitted(**params).scores(U[::-1]), inverse[c:, :c][::-1], atol=1e-5)


def test_a_new_image_solves_with_its_links_on_the_right():
    images, texts, x = unit_rows(U), unit_rows(TABLE.vectors), unit_rows(NEW)
    inverse, c = naive_inverse(images, texts, 5, 5.0, 0.3), len(texts)
    for one, scores in zip(x, fitted().scores(NEW), strict=True):
        y = np.zeros(c + len(images))
        near, texts_near = np.argsort(-images @ one)[:5], np.argsort(-texts @ one)[:5]
        y[c + near] = np.maximum(images[near] @ one, 0)
        y[texts_near] = np.maximum(texts[texts_near] @ one, 0) ** 5
        np.testing.assert_allclose(scores, (inverse @ y)[:c], atol=1e-5)


def test_the_sparse_inverse_keeps_the_best_class_of_each_node():
    full, thin = fitted(), fitted(sparse=True)
    np.testing.assert_array_equal(thin.predict(U), full.predict(U))
    kept = full.inverse_ * (full.inverse_ == full.inverse_.max(axis=1, keepdims=True))
    images, texts = unit_rows(U), unit_rows(TABLE.vectors)
    for x, scores in zip(unit_rows(NEW), thin.scores(NEW), strict=True):
        expected = sum(max(images[j] @ x, 0) * kept[len(texts) + j] for j in np.argsort(-images @ x)[:5])
        expected = expected + sum(max(texts[t] @ x, 0) ** 5 * kept[t] for t in np.argsort(-texts @ x)[:5])
        np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_without_spreading_it_is_the_direct_link():
    # alpha = 0 leaves the identity: no unlabelled image knows a class, and a new one sees the texts alone.
    model = fitted(alpha=0.0)
    assert not model.scores(U).any()
    cosines = np.maximum(unit_rows(NEW) @ unit_rows(TABLE.vectors).T, 0) ** 5
    expected = np.where(cosines >= np.sort(cosines, axis=1)[:, [-5]], cosines, 0)
    np.testing.assert_allclose(model.scores(NEW), expected, atol=1e-6)


def test_the_order_of_the_unlabelled_images_means_nothing():
    again = ZLaP().fit(None, None, classes=TABLE, unlabelled=U[::-1])
    np.testing.assert_allclose(again.scores(TASK.X), fitted().scores(TASK.X), atol=1e-6)


def test_length_means_nothing_and_what_was_known_is_recognised():
    model = fitted()
    np.testing.assert_allclose(model.scores(3 * U), model.scores(U), atol=1e-6)
    assert np.abs(model.scores(U + 0.01) - model.scores(U)).max() > 1e-3  # answered as new images


def test_nothing_unlabelled_is_refused():
    with pytest.raises(ValueError, match="0 sample"):
        ZLaP().fit(None, None, classes=TABLE, unlabelled=U[:0])
