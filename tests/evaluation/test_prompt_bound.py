import numpy as np
import pytest

from zorse.core import InputError
from zorse.evaluation.prompt_bound import binary_kl, kl_inverse, prompt_bound, token_nats


@pytest.mark.parametrize(("error", "budget"), [(0.1, 0.02), (0.36, 0.001), (0.0, 0.05), (0.9, 0.3)])
def test_the_inverse_is_where_the_divergence_reaches_the_budget(error, budget):
    r = kl_inverse(error, budget)
    assert r >= error
    assert binary_kl(error, r) == pytest.approx(budget, abs=1e-9)


def test_without_errors_the_bound_has_a_closed_form():
    # kl(0 || r) = -log(1 - r)
    budget = (3.0 + np.log(2 * 500**0.5 / 0.05)) / 500
    assert prompt_bound(0.0, 500, 3.0, 0.05).bound == pytest.approx(1 - np.exp(-budget), abs=1e-9)
    assert kl_inverse(1.0, 0.1) == 1.0


def test_the_formulas():
    got = prompt_bound(0.3, 1000, 20.0, 0.01)
    assert got.mcallester == pytest.approx(0.3 + np.sqrt((20 + np.log(1000 / 0.01) + 2) / 1999), abs=1e-12)
    assert binary_kl(0.3, got.bound) == pytest.approx((20 + np.log(2 * np.sqrt(1000) / 0.01)) / 1000, abs=1e-9)
    assert token_nats(3, 10) == pytest.approx(np.log(1000))


def test_it_holds_on_drawn_samples_as_often_as_it_says():
    # Of 20 coins with known errors the best one on a sample is chosen; its true error must exceed the bound rarely.
    rng, n, delta = np.random.default_rng(0), 200, 0.1
    truth = np.linspace(0.2, 0.5, 20)
    broken = 0
    for _ in range(300):
        sample = rng.binomial(n, truth) / n
        best = sample.argmin()
        broken += truth[best] > prompt_bound(sample[best], n, np.log(20), delta).bound
    assert broken <= delta * 300


def test_more_samples_and_fewer_nats_are_tighter():
    assert prompt_bound(0.2, 100, 5.0).bound > prompt_bound(0.2, 1000, 5.0).bound > prompt_bound(0.2, 1000, 0.0).bound
    with pytest.raises(InputError, match="delta in"):
        prompt_bound(0.2, 100, 5.0, delta=1.0)
