import numpy as np
from scipy.special import softmax

from zorse.data import toy_zsl
from zorse.methods.transductive.transclip import TransCLIP
from zorse.nn.vectors import unit_rows

TASK = toy_zsl(aligned=True, n_seen=4, n_unseen=6, noise=0.6)
TABLE, U = TASK.classes.select(TASK.unseen), TASK.test_unseen[0]


def naive(x, texts, rounds, inner, k=3, confident=8, T=50.0):
    """Every update as the guide writes it, with the differences (m, c, d) themselves."""
    (m, d), c = x.shape, len(texts)
    y = np.array([softmax([100 * row @ t for t in texts]) for row in x])
    z, W = y.copy(), np.zeros((m, m))
    for i in range(m):
        near = [j for j in np.argsort(-x @ x[i]) if j != i][:k]
        W[i, near] = x[near] @ x[i]
    mu = np.zeros((c, d))
    for j in range(c):
        for i in np.argsort(-z[:, j])[:confident]:
            mu[j] += z[i, j] * x[i]
    mu, sigma = unit_rows(mu), np.full(d, 1 / d)
    for _ in range(rounds):
        likelihood = -0.5 * (((x[:, None] - mu) ** 2) / sigma).sum(axis=2)
        for _ in range(inner):
            tied = (W.T @ z + W @ z) / (2 * k)
            z = np.array([softmax(np.log(y[i]) + likelihood[i] / T + tied[i]) for i in range(m)])
        mu = unit_rows(np.einsum("ij,ik->jk", z, x))
        sigma = np.einsum("ij,ijk->k", z, (x[:, None] - mu) ** 2) / z.sum()
    return z, mu, sigma


def test_assignments_means_and_variances_are_those_of_the_loops():
    model = TransCLIP(epochs=4, n_inner=3).fit(None, None, classes=TABLE, unlabelled=U)
    z, mu, sigma = naive(model.unlabelled_.astype(float), unit_rows(TABLE.vectors), 4, 3)
    np.testing.assert_allclose(model.predict_proba(U), z, atol=1e-6)
    np.testing.assert_allclose(model.centres_, mu, atol=1e-6)
    np.testing.assert_allclose(model.variances_, sigma, atol=1e-6)


def test_the_order_of_the_unlabelled_images_means_nothing():
    one = TransCLIP().fit(None, None, classes=TABLE, unlabelled=U)
    other = TransCLIP().fit(None, None, classes=TABLE, unlabelled=U[::-1])
    np.testing.assert_allclose(other.scores(TASK.X), one.scores(TASK.X), atol=1e-5)


def test_a_new_image_sees_its_neighbours_and_the_mixture():
    model = TransCLIP().fit(None, None, classes=TABLE, unlabelled=U)
    x, new, z = model.unlabelled_.astype(float), unit_rows(TASK.train[0][:3]), np.exp(model.log_assignments_)
    for one, scores in zip(new, model.scores(TASK.train[0][:3]), strict=True):
        near = np.argsort(-x @ one)[:3]
        score = np.log(softmax(100 * unit_rows(TABLE.vectors) @ one))
        score -= 0.5 * ((one - model.centres_) ** 2 / model.variances_).sum(axis=1) / 50
        score += sum(x[j] @ one * z[j] for j in near) / 3
        np.testing.assert_allclose(np.exp(scores), softmax(score), atol=1e-5)
