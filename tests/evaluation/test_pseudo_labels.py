import numpy as np
import pytest

from zorse.core import InputError
from zorse.evaluation import pseudo_label_report


def test_counts_by_hand():
    truth = np.array(["a", "a", "b", "b", "c"])
    report = pseudo_label_report([0, 1, 2, 2, 4], ["a", "b", "b", "a", "b"], truth)
    assert report.precision == pytest.approx(2 / 5)
    assert report.classes.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(report.of_class, [1 / 2, 1 / 3, np.nan])
    np.testing.assert_allclose(report.share, [2 / 5, 3 / 5, 0])
    assert report.worst_fifth == 0  # c was forgotten
    assert report.spread == pytest.approx(np.std([1 / 2, 1 / 3, 0]))


def test_the_truth_is_perfect_and_even():
    truth = np.repeat([3, 1], 4)
    report = pseudo_label_report(np.arange(8), truth, truth)
    assert (report.precision, report.worst_fifth, report.spread) == (1, 1, 0)


def test_a_sample_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="there are 2"):
        pseudo_label_report([5], ["a"], ["a", "b"])
    with pytest.raises(InputError, match="at least one"):
        pseudo_label_report([], [], ["a"])
