"""The figures of continual generalised zero-shot learning, counted by hand."""

import numpy as np
import pytest

from zorse.core import InputError
from zorse.evaluation import evaluate_tasks


class Says:
    def __init__(self, answers):
        self.answers = answers

    def predict(self, X):
        return np.array(self.answers)


def test_means_are_over_tasks_and_the_last_has_no_unseen_class():
    X, y = np.zeros((6, 1)), np.array([0, 0, 0, 1, 2, 2])
    answers = [[0, 0, 1, 1, 2, 0], [0, 1, 1, 1, 0, 2], [0, 0, 0, 1, 2, 1]]
    report = evaluate_tasks(lambda t: Says(answers[t]), X, y, [[0], [1], [2]])
    np.testing.assert_allclose(report.seen, [2 / 3, (1 / 3 + 1) / 2, (1 + 1 + 1 / 2) / 3])
    np.testing.assert_allclose(report.unseen, [(1 + 1 / 2) / 2, 1 / 2, np.nan])
    h = [2 * s * u / (s + u) for s, u in ((2 / 3, 3 / 4), (2 / 3, 1 / 2))]
    assert report.mean_harmonic == pytest.approx(sum(h) / 2)
    assert report.mean_unseen == pytest.approx(5 / 8)
    assert report.mean_seen == pytest.approx((2 / 3 + 2 / 3 + 5 / 6) / 3)
    assert str(report).startswith("mSA 0.722  mUA 0.625")
    assert report.as_dict()["mH"] == report.mean_harmonic


@pytest.mark.parametrize(("steps", "told"), [([[0, 1]], "two tasks"), ([[0], [0]], "comes twice"), ([[0], [7]], "7")])
def test_what_is_no_sequence_is_refused(steps, told):
    with pytest.raises(InputError, match=told):
        evaluate_tasks(lambda t: Says([0]), np.zeros((1, 1)), np.array([0]), steps)
