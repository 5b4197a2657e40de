import numpy as np
import pytest
from scipy.special import softmax

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.methods.transductive.prior_matching import PriorMatching
from zorse.nn.vectors import cosine

TASK = toy_zsl(aligned=True, n_seen=4, n_unseen=6, noise=0.6)
TABLE, U = TASK.classes.select(TASK.unseen), TASK.test_unseen[0]


def fitted(**params):
    return PriorMatching(**params).fit(None, None, classes=TABLE, unlabelled=U)


def test_classes_are_shared_out_as_told():
    np.testing.assert_allclose(fitted().predict_proba(U).mean(axis=0), 1 / 6, atol=1e-8)
    prior = {label: i + 1 for i, label in enumerate(TABLE.labels)}
    shares = fitted(prior=prior).predict_proba(U).mean(axis=0)
    np.testing.assert_allclose(shares, np.arange(1, 7) / 21, atol=1e-8)


def test_the_simple_normalisations_by_loops():
    logits = 100 * cosine(U, TABLE.vectors)
    rows = [[float(v) for v in row] for row in logits]
    mean_p, mean_l = [0.0] * 6, [0.0] * 6
    for row in rows:
        for j in range(6):
            mean_p[j] += softmax(row)[j] / len(rows)
            mean_l[j] += row[j] / len(rows)
    np.testing.assert_allclose(fitted(norm="clean").scores(U), logits - np.log(mean_p), atol=1e-6)
    np.testing.assert_allclose(fitted(norm="log").scores(U), logits - mean_l, atol=1e-6)
    null = np.ones(U.shape[1])
    model = PriorMatching(norm="null", null=null).fit(None, None, classes=TABLE)
    np.testing.assert_allclose(model.scores(U), logits - 100 * cosine(null[None], TABLE.vectors), atol=1e-6)


def test_a_constant_bias_of_the_wrapped_method_is_undone():
    X, y = TASK.train
    plain = ESZSL().fit(X, y, classes=TASK.classes)
    model = PriorMatching(estimator=ESZSL()).fit(X, y, classes=TASK.classes, unlabelled=U)
    shift = model.scores(U) - plain.scores(U)
    np.testing.assert_allclose(shift, np.broadcast_to(model.bias_, shift.shape), atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(U).mean(axis=0), 1 / TASK.classes.n_classes, atol=1e-7)


def test_what_is_missing_is_said():
    with pytest.raises(InputError, match="pass null="):
        PriorMatching(norm="null").fit(None, None, classes=TABLE)
    with pytest.raises(InputError, match="prior says nothing of"):
        fitted(prior={TABLE.labels[0]: 1.0})
