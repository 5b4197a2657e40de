"""Classes that come in steps, against a loop that asks the model anew."""

import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.evaluation import ContinualReport, class_steps, evaluate_continual
from zorse.methods.compatibility.eszsl import ESZSL


@pytest.fixture(scope="module")
def fitted():
    task = toy_zsl(n_seen=6, n_unseen=4, noise=0.6)
    return ESZSL().fit(*task.train, classes=task.classes), task.X, task.y, task.classes.labels


def test_it_is_the_loop(fitted):
    model, X, y, labels = fitted
    steps = class_steps(labels, 3, initial=4, random_state=0)
    report = evaluate_continual(model, X, y, steps)
    for t in range(3):
        known = np.concatenate(steps[: t + 1])
        answers = model.with_candidates(known)
        of_known = np.isin(y, known)
        assert report.accuracy[t] == pytest.approx(np.mean(answers.predict(X[of_known]) == y[of_known]))
        for j in range(3):
            mine = np.isin(y, steps[j])
            expected = np.mean(answers.predict(X[mine]) == y[mine]) if j <= t else np.nan
            np.testing.assert_allclose(report.per_step[t, j], expected)
    assert report.average == pytest.approx(np.mean(report.accuracy))
    assert report.last == pytest.approx(model.score(X, y))


def test_a_method_whose_scores_depend_on_candidates_is_asked_anew(fitted):
    class Relative(ESZSL):
        traits = ESZSL.traits.__class__(open_candidates=False)

    model, X, y, labels = fitted
    steps = class_steps(labels, 5)
    same = Relative().fit(X, y, classes=model.candidates_)
    again = ESZSL().fit(X, y, classes=model.candidates_)
    np.testing.assert_array_equal(
        evaluate_continual(same, X, y, steps).per_step, evaluate_continual(again, X, y, steps).per_step
    )


def test_a_learner_is_called_once_a_step(fitted):
    _, X, y, labels = fitted
    calls = []

    def learn(t, known):
        calls.append((t, len(known)))
        return ESZSL().fit(X[np.isin(y, known)], y[np.isin(y, known)])

    evaluate_continual(learn, X, y, class_steps(labels, 5))
    assert calls == [(0, 5), (1, 10)]


def test_forgetting_is_the_loss_from_the_best():
    per_step = np.array([[0.6, np.nan, np.nan], [0.8, 0.5, np.nan], [0.3, 0.9, 0.7]])
    # The first step's classes lose .8 - .3, the second's .5 - .9.
    assert ContinualReport(np.array([0.6, 0.6, 0.6]), per_step).forgetting == pytest.approx((0.5 - 0.4) / 2)
    assert ContinualReport(np.array([0.6]), np.array([[0.6]])).forgetting == 0


def test_steps_hold_every_class_once():
    labels = np.arange(10)
    assert [len(step) for step in class_steps(labels, 4)] == [4, 4, 2]
    assert [len(step) for step in class_steps(labels, 2, initial=5)] == [5, 2, 2, 1]
    assert [len(step) for step in class_steps(labels, 3, initial=10)] == [10]
    shuffled = np.concatenate(class_steps(labels, 3, random_state=0))
    assert sorted(shuffled) == list(labels)
    assert list(shuffled) != list(labels)
    for wrong in ({"increment": 0}, {"increment": 1, "initial": 11}):
        with pytest.raises(InputError, match="cannot deal"):
            class_steps(labels, **wrong)


def test_what_is_wrong_is_named(fitted):
    model, X, y, labels = fitted
    with pytest.raises(InputError, match=f"{labels[-1]} is in none"):
        evaluate_continual(model, X, y, [labels[:-1]])
    with pytest.raises(InputError, match=f"{labels[0]} comes twice"):
        evaluate_continual(model, X, y, [labels, labels[:1]])
    with pytest.raises(InputError, match="step 1 has no test sample"):
        evaluate_continual(model, X[y != labels[-1]], y[y != labels[-1]], [labels[:-1], labels[-1:]])
    with pytest.raises(InputError, match="at least one step"):
        evaluate_continual(model, X, y, [])
