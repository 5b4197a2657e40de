import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.iap import IAP

TASK = toy_zsl()
X, y = TASK.train
TEST = TASK.X[TASK.test_unseen_index]


def test_is_the_papers_sum_and_product_over_scikit_learns_classifier():
    vectors = TASK.classes.vectors
    seen = TASK.classes.rows(TASK.seen)  # in the order of scikit-learn's classes
    has = vectors > vectors[seen].mean(axis=0)
    posterior = LogisticRegression(C=0.5, max_iter=1000).fit(X, y).predict_proba(TEST)
    likelihood = np.ones((len(TEST), len(vectors)))
    for i, p in enumerate(posterior):
        for c in range(len(vectors)):
            for m in range(vectors.shape[1]):
                same = sum(p[j] for j, s in enumerate(seen) if has[s, m] == has[c, m])
                likelihood[i, c] *= same / np.mean([has[s, m] == has[c, m] for s in seen])
    scores = IAP(C=0.5).fit(X, y, classes=TASK.classes).scores(TEST)
    np.testing.assert_allclose(scores, np.log(likelihood), atol=2e-3)  # the optimiser sees another order of classes


def test_one_seen_class_is_refused():
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        IAP().fit(X[y == y[0]], y[y == y[0]], classes=TASK.classes)
