import numpy as np
import pytest
import torch

from zorse.nn.ranking import hinges, pairwise_logistic, sampled_weighted_ranking, weighted_ranking

RNG = np.random.RandomState(0)
SCORES, TARGET = 2 * RNG.randn(40, 6), RNG.randint(6, size=40)


def beta(r):
    return sum(1 / j for j in range(1, r + 1))


def hinge(scores, target):
    return {c: max(0, 1 + scores[c] - scores[target]) for c in range(len(scores)) if c != target}


def test_weighted_ranking_is_the_papers_sum():
    total = 0
    for scores, target in zip(SCORES, TARGET, strict=True):
        l = hinge(scores, target)
        r = sum(v > 0 for v in l.values())
        total += beta(r) / r * sum(l.values()) if r else 0
    loss = weighted_ranking(hinges(torch.tensor(SCORES), torch.tensor(TARGET)))
    assert loss.item() == pytest.approx(total / len(SCORES))


def test_sampled_weighted_ranking_is_the_papers_loop_on_the_same_draws():
    n, s = SCORES.shape
    draws = torch.randint(s - 1, (n, s - 1), generator=torch.Generator().manual_seed(3)).numpy()
    total = 0
    for scores, target, row in zip(SCORES, TARGET, draws, strict=True):
        wrong = [c for c in range(s) if c != target]
        for k, draw in enumerate(row, start=1):
            l = hinge(scores, target)[wrong[draw]]
            if l > 0:
                total += beta((s - 1) // k) * l
                break
    violation = hinges(torch.tensor(SCORES), torch.tensor(TARGET))
    loss = sampled_weighted_ranking(violation, torch.tensor(TARGET), torch.Generator().manual_seed(3))
    assert loss.item() == pytest.approx(total / n)


def test_drawing_often_gives_the_expectation():
    # With q of s - 1 wrong classes violating, trial k comes with (1 - q/(s-1))^(k-1) q/(s-1), the violator uniformly.
    n, s = SCORES.shape
    expected = 0
    for scores, target in zip(SCORES, TARGET, strict=True):
        violators = [v for v in hinge(scores, target).values() if v > 0]
        p = len(violators) / (s - 1)
        weight = sum((1 - p) ** (k - 1) * p * beta((s - 1) // k) for k in range(1, s))
        expected += weight * np.mean(violators) / n if violators else 0
    violation, target = hinges(torch.tensor(SCORES), torch.tensor(TARGET)), torch.tensor(TARGET)
    draws = [sampled_weighted_ranking(violation, target, torch.Generator().manual_seed(i)).item() for i in range(2000)]
    assert np.mean(draws) == pytest.approx(expected, abs=5 * np.std(draws) / len(draws) ** 0.5)


def test_a_ranking_without_violations_costs_nothing():
    scores = torch.eye(5) * 3
    l = hinges(scores, torch.arange(5))
    assert weighted_ranking(l) == 0
    assert sampled_weighted_ranking(l, torch.arange(5), torch.Generator().manual_seed(0)) == 0


def test_the_margin_is_the_least_gap():
    l = hinges(torch.tensor([[1.0, 0.8, 0.0]]), torch.tensor([0]), margin=0.5)
    np.testing.assert_allclose(l, [[0, 0.3, 0]], atol=1e-6)


def test_pairwise_logistic_is_a_mean_over_pairs_and_then_over_rows():
    positive = RNG.rand(*SCORES.shape) < 0.4
    positive[0], positive[1] = False, True  # rows without a pair
    total = 0
    for scores, tags in zip(SCORES, positive, strict=True):
        pairs = [np.log1p(np.exp(scores[n] - scores[p])) for p in np.flatnonzero(tags) for n in np.flatnonzero(~tags)]
        total += np.mean(pairs) if pairs else 0
    loss = pairwise_logistic(torch.tensor(SCORES), torch.tensor(positive).double())
    assert loss.item() == pytest.approx(total / len(SCORES))
