"""The formulas as loops over classes, and the Dirichlet's own integrals by sampling."""

import numpy as np
import pytest
import torch
from scipy.special import digamma

from zorse.nn.evidence import evidence_of, evidential_loss, joined, kl_to_uniform, opinion

RNG = np.random.default_rng(0)
ONE, OTHER = RNG.gamma(1.0, 3.0, size=(2, 5, 4))


def naive_opinion(e):
    S = sum(x + 1 for x in e)
    return [x / S for x in e], len(e) / S


def test_belief_and_uncertainty_sum_to_one():
    belief, uncertainty = opinion(torch.tensor(ONE))
    for e, b, u in zip(ONE, belief, uncertainty, strict=True):
        expected, doubt = naive_opinion(e)
        np.testing.assert_allclose(b, expected)
        assert float(u) == pytest.approx(doubt)
        assert float(b.sum() + u) == pytest.approx(1)
    torch.testing.assert_close(evidence_of((belief, uncertainty)), torch.tensor(ONE))


def test_dempsters_rule_written_as_loops():
    belief, uncertainty = joined(opinion(torch.tensor(ONE)), opinion(torch.tensor(OTHER)))
    for e, f, b, u in zip(ONE, OTHER, belief, uncertainty, strict=True):
        (b1, u1), (b2, u2) = naive_opinion(e), naive_opinion(f)
        conflict = sum(b1[i] * b2[j] for i in range(4) for j in range(4) if i != j)
        expected = [(b1[k] * b2[k] + b1[k] * u2 + b2[k] * u1) / (1 - conflict) for k in range(4)]
        np.testing.assert_allclose(b, expected)
        assert float(u) == pytest.approx(u1 * u2 / (1 - conflict))
        assert float(b.sum() + u) == pytest.approx(1)


def test_to_know_nothing_changes_no_opinion_and_order_means_nothing():
    one, other = opinion(torch.tensor(ONE)), opinion(torch.tensor(OTHER))
    nothing = opinion(torch.zeros(5, 4, dtype=torch.float64))
    for ours, theirs in zip(joined(one, nothing), one, strict=True):
        torch.testing.assert_close(ours, theirs)
    for ours, theirs in zip(joined(one, other), joined(other, one), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_fit_is_the_expected_cross_entropy():
    target = [0, 2, 1, 3, 3]
    loss = evidential_loss(torch.tensor(ONE), torch.tensor(target), 0.0)
    expected = [digamma(sum(e + 1)) - digamma(e[y] + 1) for e, y in zip(ONE, target, strict=True)]
    assert loss.item() == pytest.approx(np.mean(expected))
    drawn = [-np.log(RNG.dirichlet(e + 1, size=200_000)[:, y]).mean() for e, y in zip(ONE, target, strict=True)]
    assert loss.item() == pytest.approx(np.mean(drawn), rel=0.02)


def test_the_penalty_is_the_divergence_from_knowing_nothing():
    alpha = ONE + 1
    assert kl_to_uniform(torch.ones(2, 4)).tolist() == pytest.approx([0, 0])
    ours = kl_to_uniform(torch.tensor(alpha)).numpy()
    for a, kl in zip(alpha, ours, strict=True):
        expected = torch.distributions.kl_divergence(
            torch.distributions.Dirichlet(torch.tensor(a)), torch.distributions.Dirichlet(torch.ones(4).double())
        )
        assert kl == pytest.approx(expected.item())


def test_evidence_for_the_right_class_is_never_penalised():
    target = torch.tensor([1])
    e = torch.tensor([[0.0, 7.0, 0.0]])
    assert (evidential_loss(e, target, 1.0) - evidential_loss(e, target, 0.0)).item() == pytest.approx(0, abs=1e-6)
    e[0, 2] = 3
    assert evidential_loss(e, target, 1.0) > evidential_loss(e, target, 0.0) + 0.1
