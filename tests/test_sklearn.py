"""Class tables pass through scikit-learn's own tools as they are."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from zorse.core import ClassTable
from zorse.data import toy_zsl
from zorse.methods.compatibility.conse import ConSE
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.methods.gating.calibrated_stacking import CalibratedStacking

TASK = toy_zsl(n_seen=12, n_unseen=4)
X, y = TASK.train


def accuracy_among_held_out(model, X, y):
    return model.with_candidates(np.unique(y)).score(X, y)


def test_grid_search_over_held_out_classes():
    grid = {"gamma": [1e-2, 1.0, 100.0], "lam": [1e-2, 1.0, 100.0]}
    search = GridSearchCV(ESZSL(), grid, cv=GroupKFold(4), scoring=accuracy_among_held_out)
    search.fit(X, y, groups=y, classes=TASK.classes)
    # The refitted winner is ESZSL with those parameters on all samples, and knows the whole table.
    again = ESZSL(**search.best_params_).fit(X, y, classes=TASK.classes)
    np.testing.assert_array_equal(search.best_estimator_.scores(TASK.X), again.scores(TASK.X))
    np.testing.assert_array_equal(search.predict(TASK.X), again.predict(TASK.X))
    # A fold by hand.
    train, test = next(GroupKFold(4).split(X, y, groups=y))
    assert not set(y[train]) & set(y[test])
    first = ESZSL(gamma=1e-2, lam=1e-2).fit(X[train], y[train], classes=TASK.classes)
    assert search.cv_results_["split0_test_score"][0] == accuracy_among_held_out(first, X[test], y[test])


def test_cross_validate_with_a_class_table():
    result = cross_validate(
        ESZSL(), X, y, groups=y, cv=GroupKFold(4), scoring=accuracy_among_held_out, params={"classes": TASK.classes}
    )
    assert len(result["test_score"]) == 4
    assert result["test_score"].mean() > 1 / 3  # three classes a fold: better than guessing


def test_a_pipeline_hands_the_table_to_its_last_step():
    pipeline = make_pipeline(StandardScaler(), Normalizer(), ESZSL()).fit(X, y, eszsl__classes=TASK.classes)
    scaled = make_pipeline(StandardScaler(), Normalizer()).fit(X)
    alone = ESZSL().fit(scaled.transform(X), y, classes=TASK.classes)
    np.testing.assert_allclose(pipeline.decision_function(TASK.X), alone.scores(scaled.transform(TASK.X)))
    assert set(pipeline.predict(TASK.X)) & set(TASK.unseen)


def test_grid_search_over_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), ESZSL())
    search = GridSearchCV(pipeline, {"eszsl__gamma": [0.1, 10.0]}, cv=3).fit(X, y, eszsl__classes=TASK.classes)
    assert search.best_estimator_[-1].candidates_ is TASK.classes  # shared, not copied


def test_grid_search_reaches_into_a_wrapped_method():
    model = CalibratedStacking(ESZSL(), gamma=0.0)
    search = GridSearchCV(model, {"estimator__lam": [0.1, 10.0], "gamma": [0.0, 0.2]}, cv=3)
    search.fit(X, y, classes=TASK.classes)
    assert set(search.best_params_) == {"estimator__lam", "gamma"}


def test_a_clone_is_unfitted_and_shares_nothing_learned():
    model = ConSE(estimator=ESZSL(gamma=2.0)).fit(X, y, classes=TASK.classes)
    copy = clone(model)
    assert not hasattr(copy, "seen_")
    assert copy.estimator.gamma == 2.0


def test_probabilities_are_calibrated_over_the_seen_classes():
    # CalibratedClassifierCV knows the labels of y alone: among unseen candidates it has nothing to calibrate with.
    model = ESZSL().fit(X, y, classes=TASK.classes).with_candidates(TASK.seen)
    held_out = TASK.test_seen
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), method="temperature", cv=3).fit(*held_out)
    p = calibrated.predict_proba(held_out[0])
    np.testing.assert_array_equal(calibrated.classes_, TASK.seen)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    rows = model.candidates_.rows(held_out[1])
    plain = model.predict_proba(held_out[0])
    likelihood = [np.log(q[np.arange(len(rows)), rows]).mean() for q in (p, plain)]
    assert likelihood[0] > likelihood[1]


def test_without_a_table_a_method_is_an_ordinary_classifier():
    predicted = cross_val_predict(make_pipeline(StandardScaler(), ESZSL()), X, y, cv=3)
    assert (predicted == y).mean() > 2 / len(TASK.seen)
    one_hot = ESZSL().fit(X, y, classes=ClassTable.one_hot(y))
    np.testing.assert_array_equal(one_hot.scores(X), ESZSL().fit(X, y).scores(X))


def test_a_table_that_lacks_a_class_fails_in_every_tool():
    lacking = TASK.classes.without(y[:1])
    with pytest.raises(ValueError, match=str(y[0])):
        cross_validate(ESZSL(), X, y, cv=3, params={"classes": lacking}, error_score="raise")
