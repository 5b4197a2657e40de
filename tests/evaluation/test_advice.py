import numpy as np
import pytest

from zorse.core import InputError
from zorse.evaluation.advice import (
    beyond_chance,
    confidence_criteria,
    consensus,
    joined,
    neighbour_agreement,
    rank_correlation,
)

COUNT = 200


def answers(share, rng, truth, c):
    """Right in ``share`` of cases, else any other label."""
    wrong = (truth + rng.integers(1, c, len(truth))) % c
    return np.where(rng.random(len(truth)) < share, truth, wrong)


def test_sure_and_various_answers_have_the_largest_information_and_dispersity():
    sure = np.eye(4)[np.arange(COUNT) % 4]
    found = confidence_criteria(sure)
    assert found["information"] == pytest.approx(np.log(4))
    assert found["dispersity"] == pytest.approx(1.0)
    assert found["confidence"] == found["margin"] == pytest.approx(1.0)
    even = confidence_criteria(np.full((COUNT, 4), 0.25))
    assert even["information"] == pytest.approx(0.0, abs=1e-12)
    assert even["certainty"] == pytest.approx(0.0, abs=1e-12)


def test_a_collapse_is_confident_but_neither_informative_nor_disperse():
    found = confidence_criteria(np.eye(4)[np.zeros(COUNT, int)])
    assert found["confidence"] == 1.0
    assert found["information"] == pytest.approx(0.0, abs=1e-12)
    assert found["dispersity"] == pytest.approx(0.5)  # one singular value, sqrt(n), over sqrt(n min(n, c))


def test_the_levelled_dispersity_does_not_depend_on_a_methods_scale():
    logits = np.random.default_rng(0).normal(size=(COUNT, 5))
    p = [np.exp(s * logits) / np.exp(s * logits).sum(axis=1, keepdims=True) for s in (0.5, 4.0)]
    soft, sharp = (confidence_criteria(one) for one in p)
    assert soft["dispersity"] < sharp["dispersity"]
    assert soft["levelled"] == pytest.approx(sharp["levelled"], abs=5e-3)


def test_agreement_by_chance_counts_for_nothing():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 3, (2, 20_000))
    assert abs(beyond_chance(a, b, 3)) < 0.03
    assert beyond_chance(a, a, 3) == pytest.approx(1.0)
    same = np.zeros(10, int)
    assert beyond_chance(same, same, 3) == 0.0
    assert neighbour_agreement(a, np.arange(len(a))[:, None], 3) == pytest.approx(1.0)


def test_consensus_finds_how_right_independent_methods_are():
    rng = np.random.default_rng(2)
    truth, shares = rng.integers(0, 5, 5000), (0.9, 0.75, 0.6, 0.5)
    found = consensus([answers(share, rng, truth, 5) for share in shares], 5)
    np.testing.assert_allclose(found, shares, atol=0.04)


def test_ranks_join_and_a_constant_criterion_has_no_correlation():
    rows = [dict.fromkeys(("information", "stability", "neighbours", "consensus"), float(v)) for v in (3, 1, 2)]
    assert joined(rows).tolist() == [1.0, 0.0, 0.5]
    assert rank_correlation([1, 2, 3], [0.1, 0.2, 0.3]) == pytest.approx(1.0)
    assert rank_correlation([1, 1, 1], [0.1, 0.2, 0.3]) is None
    with pytest.raises(InputError, match="two labels"):
        confidence_criteria(np.ones((5, 1)))
