import numpy as np
from scipy.special import softmax

from zorse.data import toy_zsl
from zorse.methods.memory.knn_integration import KNNIntegration
from zorse.nn.vectors import unit_rows

TASK = toy_zsl(n_seen=5, n_unseen=3, noise=0.8)
X, y = TASK.train
Q = TASK.test_seen[0]


def test_neighbours_are_mixed_in_one_by_one():
    ours = KNNIntegration(k=7, temperature=0.5, weight=0.4).fit(X, y)
    base = KNNIntegration(weight=0.0).fit(X, y).predict_proba(Q)
    memory, mean = unit_rows(X - X.mean(axis=0)), X.mean(axis=0)
    for q, p, b in zip(Q, ours.predict_proba(Q), base, strict=True):
        distance = ((memory - unit_rows(q - mean)) ** 2).sum(axis=1)
        votes = np.zeros(len(ours.classes_))
        for i in np.argsort(distance)[:7]:
            votes[np.flatnonzero(ours.classes_ == y[i])] += np.exp(-distance[i] / 0.5)
        np.testing.assert_allclose(p, 0.4 * votes / votes.sum() + 0.6 * b, atol=1e-6)


def test_a_given_classifier_answers_for_classes_without_samples():
    inner = KNNIntegration(weight=0.0)
    ours = KNNIntegration(inner, weight=0.3).fit(X, y, classes=TASK.classes).with_candidates(TASK.unseen)
    np.testing.assert_allclose(ours.predict_proba(Q), softmax(ours.estimator_.scores(Q), axis=1))
