from itertools import product

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, wilcoxon

from zorse.core import InputError
from zorse.evaluation import class_difference, holm, permutation_test, rank_methods, signed_rank_test


@pytest.mark.parametrize("n", [1, 2, 5, 12, 30])
def test_signed_ranks_are_scipys_without_ties(n):
    d = np.random.RandomState(n).randn(n) + 0.4
    assert signed_rank_test(d) == pytest.approx(wilcoxon(d, method="exact").pvalue)


def test_signed_ranks_with_ties_and_zeros_by_every_sign_pattern():
    d = np.array([1, 1, -1, 2, 0, -3, 3, 3, 0, 5.0])
    kept = d[d != 0]
    size = np.abs(kept)
    rank = np.array([1 + (size < s).sum() + ((size == s).sum() - 1) / 2 for s in size])
    centre = rank.sum() / 2
    observed = abs(rank[kept > 0].sum() - centre)
    extreme = [abs(rank[np.array(signs)].sum() - centre) >= observed for signs in product([True, False], repeat=8)]
    assert signed_rank_test(d) == pytest.approx(np.mean(extreme))
    assert signed_rank_test([0.0, 0.0]) == 1.0


def test_many_differences_take_the_normal_approximation():
    d = np.random.RandomState(0).randn(400) + 0.1
    approximate = wilcoxon(d, method="approx", correction=False).pvalue
    assert signed_rank_test(d) == pytest.approx(approximate, rel=1e-6)


def test_permutations_of_signs():
    d = np.array([0.3, 0.1, -0.2, 0.4, 0.25])
    naive = np.mean([abs(np.dot(signs, d)) >= d.sum() - 1e-12 for signs in product([1, -1], repeat=5)])
    assert permutation_test(d) == pytest.approx(naive)
    many = np.random.RandomState(0).randn(200)
    assert permutation_test(many + 1.0) == pytest.approx(1 / 10_001)
    assert permutation_test(many - many.mean()) > 0.9


def test_holm():
    # By hand: .01 x 4, .02 x 3, .03 x 2 = .06, .04 x 1 raised to .06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert len(holm([])) == 0


def test_ranks_and_cliques():
    rng = np.random.RandomState(0)
    base = rng.rand(40, 1)
    values = base + np.array([0.30, 0.29, 0.0, 0.0]) + 0.05 * rng.randn(40, 4)
    found = rank_methods(values)
    naive = np.zeros(4)
    for row in values:
        naive += [1 + sum(other > value for other in row) for value in row]
    assert found.ranks == pytest.approx(naive / 40)
    assert found.p_any == pytest.approx(friedmanchisquare(*values.T).pvalue)
    assert [set(clique) for clique in found.cliques] == [{0, 1}, {2, 3}]
    assert found.p_pairs[0, 2] < 0.001
    assert np.array_equal(found.p_pairs, found.p_pairs.T)


def test_few_blocks_can_show_nothing():
    values = np.array([[3.0, 2.0, 1.0]] * 3) + np.arange(3)[:, None]
    found = rank_methods(values)
    assert found.ranks.tolist() == [1, 2, 3]
    assert found.p_floor == 0.25
    assert found.cliques == [(0, 1, 2)]
    assert rank_methods(values[:1]).cliques == [(0, 1, 2)]


def test_overlapping_cliques():
    # 0 and 1 alike, 1 and 2 alike, 0 and 2 not: two runs that share the middle.
    rng = np.random.RandomState(3)
    values = rng.randn(12, 3) * 0.5 + np.array([0.7, 0.35, 0.0])
    found = rank_methods(values, level=0.2)
    for clique in found.cliques:
        assert all(found.p_pairs[i, j] > 0.2 for i in clique for j in clique if i != j)
    lost = [(i, j) for i in range(3) for j in range(i) if found.p_pairs[i, j] > 0.2]
    assert all(any({i, j} <= set(clique) for clique in found.cliques) for i, j in lost if abs(i - j) == 1)


def test_class_difference_is_the_difference_and_knows_classes():
    labels = [f"c{i}" for i in range(30)]
    rng = np.random.RandomState(0)
    theirs = dict(zip(labels, rng.rand(30) * 0.5))
    ours = {label: value + 0.1 for label, value in theirs.items()}
    found = class_difference([{"zsl": ours}], [{"zsl": theirs}])
    assert found.value == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1)  # the gain is the same on every class
    noisy = {label: value + rng.rand() for label, value in theirs.items()}
    gains = np.array([noisy[label] - theirs[label] for label in labels])
    found = class_difference([{"zsl": noisy}], [{"zsl": theirs}])
    assert found.value == pytest.approx(gains.mean())
    # Rubin: the posterior's variance is that of the gains over n + 1.
    half = 1.96 * gains.std() / 31**0.5
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)


def test_class_difference_of_harmonic_means():
    ours = [{"unseen": {"a": 0.2, "b": 0.4}, "seen": {"c": 0.6}}, {"unseen": {"a": 0.5}, "seen": {"b": 0.5}}]
    theirs = [{"unseen": {"a": 0.1, "b": 0.1}, "seen": {"c": 0.9}}, {"unseen": {"a": 0.5}, "seen": {"b": 0.5}}]
    first = 2 * 0.3 * 0.6 / 0.9 - 2 * 0.1 * 0.9 / 1.0
    assert class_difference(ours, theirs).value == pytest.approx(first / 2)


def test_wrong_input():
    with pytest.raises(InputError, match="same runs"):
        class_difference([{"zsl": {"a": 1.0}}], [{"zsl": {"b": 1.0}}])
    with pytest.raises(InputError, match="finite"):
        rank_methods(np.array([[1.0, np.nan]]))
    with pytest.raises(InputError, match="finite"):
        signed_rank_test([np.inf])
