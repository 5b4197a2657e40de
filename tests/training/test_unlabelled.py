import numpy as np
import pytest

from zorse.core import InputError
from zorse.training.unlabelled import dividing_point


def two_kinds(n_low, n_high, low=-2.0, high=3.0, spread=(1.0, 1.0), seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(low, spread[0], n_low), rng.normal(high, spread[1], n_high)])


@pytest.mark.parametrize("by", ["tails", "mean", "mixture", 0.5])
def test_two_equal_kinds_part_in_the_middle(by):
    assert dividing_point(two_kinds(4000, 4000), by) == pytest.approx(0.5, abs=0.15)


def test_a_mixture_does_not_mind_how_many_there_are_of_each():
    few = two_kinds(1000, 9000)
    assert dividing_point(few, "mixture") == pytest.approx(0.5, abs=0.2)
    assert dividing_point(few, "mean") > 2
    assert dividing_point(few, 0.1) == pytest.approx(0.5, abs=0.5)


def test_the_crossing_of_two_densities_is_where_they_are_equal():
    from scipy.stats import norm

    at = dividing_point(two_kinds(20_000, 20_000, spread=(0.5, 2.0)), "mixture")
    assert norm.logpdf(at, -2, 0.5) == pytest.approx(norm.logpdf(at, 3, 2), abs=0.3)


@pytest.mark.parametrize("by", ["tails", "mean", "mixture", 0.3])
def test_units_mean_nothing(by):
    margin = two_kinds(300, 200)
    assert dividing_point(7 * margin + 5, by) == pytest.approx(7 * dividing_point(margin, by) + 5, abs=0.05)


def test_ends_and_refusals():
    assert dividing_point(np.ones(5), "mixture") == 1
    for bad in ("median", 1.5, -0.1):
        with pytest.raises(InputError, match="expected"):
            dividing_point(np.ones(5), bad)
    with pytest.raises(InputError, match="at least one"):
        dividing_point(np.empty(0))
