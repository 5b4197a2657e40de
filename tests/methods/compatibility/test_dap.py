import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from zorse.core import ClassTable, InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.dap import DAP

TASK = toy_zsl()
X, y = TASK.train
TEST = TASK.X[TASK.test_unseen_index]


def test_is_the_papers_product_over_scikit_learns_attribute_classifiers():
    vectors, rows = TASK.classes.vectors, TASK.classes.rows(y)
    seen = TASK.classes.rows(TASK.seen)
    has = vectors > vectors[seen].mean(axis=0)
    likelihood = np.ones((len(TEST), len(vectors)))
    for m in range(vectors.shape[1]):
        prior = has[seen, m].mean()
        p = LogisticRegression(C=0.7, tol=1e-8, max_iter=5000).fit(X, has[rows, m]).predict_proba(TEST)[:, 1]
        for c in range(len(vectors)):
            likelihood[:, c] *= p / prior if has[c, m] else (1 - p) / (1 - prior)
    scores = DAP(C=0.7).fit(X, y, classes=TASK.classes).scores(TEST)
    np.testing.assert_allclose(scores, np.log(likelihood), atol=2e-3)  # both optimisers stop near the optimum


def test_an_attribute_that_all_seen_classes_share_says_nothing():
    padded = np.column_stack([TASK.classes.vectors, np.ones(TASK.classes.n_classes)])
    plain = DAP().fit(X, y, classes=TASK.classes).scores(TEST)
    np.testing.assert_allclose(
        DAP().fit(X, y, classes=ClassTable(TASK.classes.labels, padded)).scores(TEST), plain, atol=1e-3
    )


def test_what_cannot_be_learned_is_refused():
    flat = ClassTable(TASK.classes.labels, np.ones((TASK.classes.n_classes, 4)))
    with pytest.raises(InputError, match="some seen classes have and others don't"):
        DAP().fit(X, y, classes=flat)
    with pytest.raises(InputError, match="C must be above 0"):
        DAP(C=0).fit(X, y, classes=TASK.classes)
