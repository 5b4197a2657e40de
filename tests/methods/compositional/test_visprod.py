import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from zorse.core import InputError
from zorse.data import open_world, pair_table, toy_compositional
from zorse.evaluation import evaluate_compositional
from zorse.methods.compositional.visprod import VisProd

TASK = toy_compositional()
X, y = TASK.train


def test_a_pair_is_the_product_of_two_classifiers():
    model = VisProd(C=2.0).fit(X, y, classes=TASK.classes)
    p = []
    for side in (0, 1):
        words = [TASK.classes.parents[label][side] for label in y]
        base = LogisticRegression(C=2.0, max_iter=1000).fit(X, words)
        p.append({word: column for word, column in zip(base.classes_, base.predict_proba(TASK.X).T, strict=True)})
    scores = model.scores(TASK.X)
    for i, label in enumerate(TASK.classes.labels):
        a, o = TASK.classes.parents[label]
        np.testing.assert_allclose(np.exp(scores[:, i]), p[0][a] * p[1][o], atol=1e-6)


def test_in_an_open_world_the_best_pair_joins_the_best_words():
    model = VisProd().fit(X, y, classes=TASK.classes).with_candidates(open_world(TASK.classes))
    predicted = model.predict(TASK.X)
    pairs = [model.candidates_.parents[label] for label in predicted]
    attribute = X_argmax(model.attribute_coef_, model.attribute_intercept_, model.attributes_)
    thing = X_argmax(model.object_coef_, model.object_intercept_, model.objects_)
    assert pairs == list(zip(attribute, thing, strict=True))


def X_argmax(coef, intercept, words):
    return words[(TASK.X @ coef.T + intercept).argmax(axis=1)].tolist()


def test_parts_that_do_not_interact_are_recognised():
    report = evaluate_compositional(VisProd().fit(X, y, classes=TASK.classes), TASK)
    assert report.auc > 0.7


def test_one_attribute_leaves_the_object_alone_and_unknown_words_the_floor():
    table = pair_table([("wet", "dog"), ("wet", "cat"), ("dry", "cat")])
    model = VisProd().fit(X[:40], np.repeat(["wet dog", "wet cat"], 20), classes=table)
    scores = model.scores(X[:5])
    np.testing.assert_allclose(np.exp(scores[:, :2]).sum(axis=1), 1)
    np.testing.assert_allclose(scores[:, 2] - scores[:, 1], -100)
    with pytest.raises(InputError, match="wet dog alone"):
        VisProd().fit(X[:5], ["wet dog"] * 5, classes=table)
