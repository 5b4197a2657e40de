import numpy as np
import pytest
from scipy.special import softmax

from zorse.data import toy_zsl
from zorse.methods.transductive.inmap import InMaP
from zorse.nn.vectors import cosine, unit_rows

TASK = toy_zsl(aligned=True, n_seen=4, n_unseen=6, noise=0.6)
TABLE, U = TASK.classes.select(TASK.unseen), TASK.test_unseen[0]


def naive(images, texts, sinkhorn, epochs, tau_t=0.01, tau_i=0.04, alpha=0.6, lr=10.0):
    """A sample and a class at a time."""
    m, c = len(images), len(texts)
    P = np.array([softmax([x @ t / tau_t for t in texts]) for x in images])
    for _ in range(sinkhorn):
        for j in range(c):
            P[:, j] *= m / c / P[:, j].sum()
        for i in range(m):
            P[i] /= P[i].sum()
    for i in range(m):
        if P[i].max() > alpha:
            P[i] = np.arange(c) == P[i].argmax()
    w, longest = texts.copy(), np.inf
    for _ in range(epochs):
        slope = np.zeros_like(w)
        for i in range(m):
            slope += np.outer(softmax([images[i] @ v / tau_i for v in w]) - P[i], images[i])
        if np.linalg.norm(slope) > longest:
            lr /= 2
        longest = np.linalg.norm(slope)
        w = unit_rows(w - lr / (m * tau_i) * slope)
    return images @ w.T / tau_i


@pytest.mark.parametrize("sinkhorn", [0, 20])
def test_proxies_are_those_of_the_loops(sinkhorn):
    expected = naive(unit_rows(U), unit_rows(TABLE.vectors), sinkhorn, 5)
    model = InMaP(sinkhorn=sinkhorn, epochs=5).fit(None, None, classes=TABLE, unlabelled=U)
    np.testing.assert_allclose(model.scores(U) * 0.04, expected * 0.04, atol=5e-6)  # five steps in single precision


def test_without_steps_it_is_the_text_and_steps_fit_the_pseudo_labels():
    model = InMaP(epochs=0).fit(None, None, classes=TABLE, unlabelled=U)
    np.testing.assert_allclose(model.scores(U) * 0.04, cosine(U, TABLE.vectors), atol=1e-6)
    P = model.pseudo_labels(unit_rows(TABLE.vectors).astype(np.float32))
    learned = InMaP().fit(None, None, classes=TABLE, unlabelled=U)
    before, after = (-(P * np.log(m.predict_proba(U))).sum() for m in (model, learned))
    assert after < before


def test_pseudo_labels_are_equally_frequent():
    model = InMaP(epochs=0, threshold=2.0, sinkhorn=300, text_temperature=0.1)
    model.fit(None, None, classes=TABLE, unlabelled=U)
    shares = model.pseudo_labels(unit_rows(TABLE.vectors).astype(np.float32)).mean(axis=0)
    np.testing.assert_allclose(shares, 1 / 6, atol=1e-4)
