import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from zorse.core import CapabilityError, InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.conse import ConSE

TASK = toy_zsl()
X, y = TASK.train
TEST = TASK.X[TASK.test_unseen_index]


def naive(p, seen_vectors, table, top):
    """The paper's sum, one sample and one class at a time."""
    scores = np.zeros((len(p), table.n_classes))
    for i, row in enumerate(p):
        best = sorted(range(len(row)), key=lambda t: -row[t])[:top]
        Z = sum(row[t] for t in best)
        f = sum(row[t] * seen_vectors[t] for t in best) / Z
        for c, s in enumerate(table.vectors):
            scores[i, c] = f @ s / (np.linalg.norm(f) * np.linalg.norm(s))
    return scores


@pytest.mark.parametrize("top", [1, 3, 8, 100])
def test_is_the_papers_sum(top):
    model = ConSE(top=top).fit(X, y, classes=TASK.classes)
    p = LogisticRegression(max_iter=1000).fit(X, y).predict_proba(TEST)
    vectors = TASK.classes.select(TASK.seen).vectors
    np.testing.assert_allclose(model.scores(TEST), naive(p, vectors, TASK.classes, top), atol=1e-10)


def test_takes_any_probabilistic_classifier():
    model = ConSE(top=2, estimator=GaussianNB()).fit(X, y, classes=TASK.classes)
    p = GaussianNB().fit(X, y).predict_proba(TEST)
    # The classifier sees rows of the table, whose order is not that of the labels.
    order = np.argsort(TASK.classes.rows(TASK.seen))
    vectors = TASK.classes.vectors[np.sort(TASK.classes.rows(TASK.seen))]
    np.testing.assert_allclose(model.scores(TEST), naive(p[:, order], vectors, TASK.classes, 2), atol=1e-10)
    with pytest.raises(CapabilityError, match="predict_proba"):
        ConSE(estimator=LinearSVC()).fit(X, y, classes=TASK.classes)


def test_two_seen_classes_are_mixed_by_their_probabilities():
    two = np.isin(y, TASK.seen[:2])
    model = ConSE().fit(X[two], y[two], classes=TASK.classes)
    p = LogisticRegression(max_iter=1000).fit(X[two], y[two]).predict_proba(TEST)
    rows = TASK.classes.rows(TASK.seen[:2])
    np.testing.assert_allclose(model.embed(TEST), p @ TASK.classes.vectors[rows], atol=1e-10)


def test_one_seen_class_or_none_to_mix_is_refused():
    one = y == y[0]
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        ConSE().fit(X[one], y[one], classes=TASK.classes)
    with pytest.raises(InputError, match="top must be at least 1"):
        ConSE(top=0).fit(X, y, classes=TASK.classes)
