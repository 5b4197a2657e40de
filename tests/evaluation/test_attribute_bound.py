from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import linprog

from zorse.core import InputError
from zorse.evaluation import pairwise_error, select_attributes, worst_case_error


def random_matrix(k, m, seed=0):
    return np.random.RandomState(seed).rand(k, m)


@pytest.mark.parametrize("m", [1, 2, 4])
def test_two_classes_by_hand(m):
    """The adversary overlaps both classes as far as the attribute that differs most lets it."""
    for seed in range(5):
        M = random_matrix(2, m, seed)
        expected = (1 - np.abs(M[0] - M[1]).max()) / 2
        assert worst_case_error(M).error == pytest.approx(expected, abs=1e-8)
        assert pairwise_error(M)[0, 1] == pytest.approx(expected, abs=1e-15)


def test_one_attribute_by_hand():
    """Accuracy is (max_j p_j + max_j (1 - p_j)) / k."""
    for k in (2, 3, 6):
        p = random_matrix(k, 1, k)
        expected = 1 - (p.max() + (1 - p).max()) / k
        assert worst_case_error(p).error == pytest.approx(expected, abs=1e-8)


def test_certain_attributes():
    assert worst_case_error(np.eye(4)).error == pytest.approx(0, abs=1e-8)
    assert worst_case_error(np.full((4, 3), 0.3)).error == pytest.approx(3 / 4, abs=1e-8)  # rows alike: a guess
    # Rows 0 and 1 are alike and certain, 2 is told apart: one of three images is lost.
    assert worst_case_error([[1, 0], [1, 0], [0, 1]]).error == pytest.approx(1 / 3, abs=1e-8)


def naive(M):
    """The program written out variable by variable, as dense rows."""
    k, m = M.shape
    n = 2**m
    cost = [0.0] * (k * n) + [1.0] * n
    equal, right, upper = [], [], []
    for j in range(k):
        row = [0.0] * ((k + 1) * n)
        for v in range(n):
            row[j * n + v] = 1.0
        equal.append(row)
        right.append(1 / k)
        for i in range(m):
            row = [0.0] * ((k + 1) * n)
            for v in range(n):
                if v >> i & 1:
                    row[j * n + v] = 1.0
            equal.append(row)
            right.append(M[j, i] / k)
        for v in range(n):
            row = [0.0] * ((k + 1) * n)
            row[j * n + v], row[k * n + v] = 1.0, -1.0
            upper.append(row)
    return 1 - linprog(cost, upper, [0.0] * len(upper), equal, right, method="highs").fun


@pytest.mark.parametrize(("k", "m"), [(3, 2), (3, 4), (5, 3), (4, 7)])
def test_the_program_as_loops(k, m):
    M = random_matrix(k, m, 7)
    assert worst_case_error(M).error == pytest.approx(naive(M), abs=1e-8)


def test_the_worst_distribution_is_one_and_no_map_does_better():
    M = random_matrix(4, 3, 1)
    found = worst_case_error(M)
    P = found.worst
    assert (P >= -1e-9).all()
    assert P.sum(axis=1) == pytest.approx(np.full(4, 1 / 4))
    for i in range(3):
        on = [v for v in range(8) if v >> i & 1]
        assert P[:, on].sum(axis=1) == pytest.approx(M[:, i] / 4)
    assert 1 - P.max(axis=0).sum() == pytest.approx(found.error, abs=1e-8)


def test_the_rule_attains_the_bound_on_every_distribution():
    """The worst case of a fixed rule splits by class; each part is a small program of its own."""
    M = random_matrix(4, 3, 2)
    found = worst_case_error(M)
    assert found.rule.sum(axis=1) == pytest.approx(np.ones(8))
    bits = np.array([[v >> i & 1 for v in range(8)] for i in range(3)])
    accuracy = 0.0
    for j in range(4):
        least = linprog(found.rule[:, j], A_eq=np.vstack([bits, np.ones(8)]), b_eq=[*M[j], 1.0], method="highs")
        accuracy += least.fun / 4
    assert 1 - accuracy == pytest.approx(found.error, abs=1e-7)
    pattern = np.array([[1, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(found.predict_proba(pattern), found.rule[[5, 0]])


def test_more_attributes_never_hurt_and_imperfect_detectors_do():
    M = random_matrix(5, 4, 3)
    errors = [worst_case_error(M[:, :m]).error for m in range(1, 5)]
    assert all(a >= b - 1e-9 for a, b in pairwise(errors))
    slackened = [worst_case_error(M, slack).error for slack in (0.0, 0.05, 0.2, 1.0)]
    assert all(a <= b + 1e-9 for a, b in pairwise(slackened))
    assert slackened[-1] == pytest.approx(4 / 5, abs=1e-8)
    two = random_matrix(2, 3, 4)
    assert worst_case_error(two, 0.1).error == pytest.approx(pairwise_error(two, 0.1)[0, 1], abs=1e-8)


def test_the_bound_of_many_is_at_least_that_of_a_pair_among_them():
    M = random_matrix(4, 3, 5)
    pairs = pairwise_error(M)
    # On the pair's two quarters of the images no map does better than the pair's own bound.
    assert worst_case_error(M).error >= pairs.max() * 2 / 4 - 1e-9
    assert np.array_equal(pairs, pairs.T)


def test_greedy_selection():
    M = np.array([[0.5, 1.0, 0.0, 0.9], [0.5, 0.0, 0.0, 0.8], [0.5, 0.0, 1.0, 0.1]])
    chosen, errors = select_attributes(M, 3)
    assert set(chosen[:2]) == {1, 2}  # together they tell all apart; by themselves each is best
    assert errors == pytest.approx([1 / 3, 0, 0], abs=1e-8)
    assert errors[0] == min(worst_case_error(M[:, [i]]).error for i in range(4))


def test_wrong_input():
    with pytest.raises(InputError, match="row 0, column 1"):
        worst_case_error([[0.1, 1.5], [0.2, 0.3]])
    with pytest.raises(InputError, match="at most 18"):
        worst_case_error(np.zeros((2, 19)))
    with pytest.raises(InputError, match="class-attribute matrix"):
        worst_case_error([[0.1, 0.2]])
    with pytest.raises(InputError, match="slack"):
        worst_case_error(np.eye(2), -0.1)
    with pytest.raises(InputError, match="from 1 to 2"):
        select_attributes(np.eye(2), 3)
    with pytest.raises(InputError, match="binary"):
        worst_case_error(np.eye(2)).predict_proba([[0.5, 1]])
