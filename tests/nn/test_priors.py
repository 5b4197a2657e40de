import numpy as np
import pytest
from scipy.special import softmax

from zorse.core import InputError
from zorse.nn.priors import balanced, matched_bias


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_shares_become_the_prior(scale):
    rng = np.random.default_rng(0)
    logits = scale * (rng.normal(size=(60, 5)) + np.array([3, 0, 0, -1, 2]))
    prior = np.array([0.4, 0.3, 0.1, 0.1, 0.1])
    b = matched_bias(logits, prior)
    np.testing.assert_allclose(softmax(logits + b, axis=1).mean(axis=0), prior, atol=1e-8)
    assert b.mean() == pytest.approx(0, abs=1e-9)
    # What is already shared out so is left alone, and a constant a class is taken out.
    np.testing.assert_allclose(matched_bias(logits + b, prior), 0, atol=1e-6)
    shift = np.arange(5.0)
    np.testing.assert_allclose(matched_bias(logits + shift, prior), b - (shift - 2), atol=1e-6)


def test_two_classes_agree_with_a_fine_grid():
    logits = np.random.default_rng(1).normal(size=(40, 2)) + np.array([2, 0])
    grid = np.arange(-20, 20, 1e-3)
    off = [abs(softmax(logits - [a, 0], axis=1)[:, 0].mean() - 0.5) for a in grid]
    b = matched_bias(logits, np.full(2, 0.5))
    assert b[1] - b[0] == pytest.approx(grid[np.argmin(off)], abs=1e-3)


def test_what_is_no_prior_is_refused():
    with pytest.raises(InputError, match="positive shares"):
        matched_bias(np.zeros((3, 2)), np.array([1.0, 0.0]))
    with pytest.raises(InputError, match="at least one sample"):
        matched_bias(np.zeros((0, 2)), np.full(2, 0.5))


def test_sinkhorn_by_loops():
    P = softmax(np.random.default_rng(2).normal(size=(6, 3)), axis=1)
    q = np.array([0.5, 0.3, 0.2])
    naive = P / 6
    for _ in range(7):
        for j in range(3):
            naive[:, j] *= q[j] / naive[:, j].sum()
        for i in range(6):
            naive[i] /= naive[i].sum() * 6
    np.testing.assert_allclose(balanced(P, q, 7), naive * 6, atol=1e-12)
    np.testing.assert_allclose(balanced(P, q, 500).mean(axis=0), q, atol=1e-9)
