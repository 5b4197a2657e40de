import pytest

from zorse.core import InputError
from zorse.evaluation import group_accuracy, worst_group_accuracy


def test_groups_are_counted_apart():
    truth, told = ["a", "a", "b", "b", "b"], ["a", "b", "b", "b", "a"]
    groups = ["land", "water", "water", "land", "water"]
    assert group_accuracy(truth, told, groups) == {"land": 1.0, "water": pytest.approx(1 / 3)}
    assert worst_group_accuracy(truth, told, groups) == pytest.approx(1 / 3)
    assert worst_group_accuracy(truth, told, ["one"] * 5) == pytest.approx(3 / 5)


def test_lengths_must_agree():
    with pytest.raises(InputError, match="one each a sample"):
        worst_group_accuracy(["a"], ["a"], ["land", "water"])
