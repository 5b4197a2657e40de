"""Every loss against loops or a reference library, and an invariance."""

import math

import pytest
import scipy.linalg
import torch
from torch.distributions import Normal, kl_divergence

from zorse.nn import gaussian_kl, gradient_penalty, mlp, reparameterise, wasserstein_between_gaussians
from zorse.nn.losses import self_calibration


@pytest.fixture
def gaussians():
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(6, 4, generator=generator, dtype=torch.float64) for _ in range(4)]


def test_gaussian_kl_agrees_with_torch_distributions(gaussians):
    mean, log_var, *_ = gaussians
    ours = gaussian_kl(mean, log_var)
    reference = kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(torch.zeros(4), torch.ones(4))).sum(1).mean()
    torch.testing.assert_close(ours, reference, check_dtype=False)


def test_gaussian_kl_is_zero_at_the_prior_alone_and_ignores_the_sign_of_the_mean(gaussians):
    mean, log_var, *_ = gaussians
    zero = torch.zeros(6, 4)
    assert gaussian_kl(zero, zero) == 0
    torch.testing.assert_close(gaussian_kl(-mean, log_var), gaussian_kl(mean, log_var))
    assert gaussian_kl(mean, log_var) > 0


def test_wasserstein_agrees_with_the_general_formula_for_full_covariances(gaussians):
    ma, va, mb, vb = gaussians
    distances = []
    for i in range(len(ma)):
        a, b = va[i].exp().diag().numpy(), vb[i].exp().diag().numpy()
        root = scipy.linalg.sqrtm(a)
        middle = scipy.linalg.sqrtm(root @ b @ root)
        gap = (ma[i] - mb[i]).numpy()
        distances.append(math.sqrt(gap @ gap + (a + b - 2 * middle).trace()))
    assert wasserstein_between_gaussians(ma, va, mb, vb).item() == pytest.approx(sum(distances) / 6)


def test_wasserstein_is_symmetric_unmoved_by_a_shift_and_smooth_at_zero(gaussians):
    ma, va, mb, vb = gaussians
    distance = wasserstein_between_gaussians(ma, va, mb, vb)
    torch.testing.assert_close(wasserstein_between_gaussians(mb, vb, ma, va), distance)
    torch.testing.assert_close(wasserstein_between_gaussians(ma + 5, va, mb + 5, vb), distance)
    same = ma.clone().requires_grad_()
    wasserstein_between_gaussians(same, va, same.detach(), va).backward()
    assert torch.isfinite(same.grad).all()


def test_gradient_penalty_of_a_linear_critic_is_known(gaussians):
    real, fake, *_ = gaussians
    weight = torch.tensor([3.0, 0.0, 4.0, 0.0], dtype=torch.float64)
    # The slope is the weight everywhere, of length 5, wherever the points lie.
    assert gradient_penalty(lambda x: x @ weight, real, fake).item() == pytest.approx((5 - 1) ** 2)
    assert gradient_penalty(lambda x: x @ (weight / 5), real, fake).item() == pytest.approx(0, abs=1e-12)


def test_gradient_penalty_agrees_with_a_loop_over_finite_differences(gaussians):
    real, fake, *_ = gaussians
    critic = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)).double()
    torch.manual_seed(11)
    ours = gradient_penalty(critic, real, fake)
    torch.manual_seed(11)
    place, total, step = torch.rand(6, 1, dtype=torch.float64), 0.0, 1e-6
    for i in range(6):
        point = place[i] * real[i] + (1 - place[i]) * fake[i]
        slope = [(critic(point + e * step) - critic(point - e * step)).item() / (2 * step) for e in torch.eye(4)]
        total += (math.sqrt(sum(s * s for s in slope)) - 1) ** 2
    assert ours.item() == pytest.approx(total / 6, rel=1e-6)


def test_gradient_penalty_is_with_respect_to_the_features_alone(gaussians):
    """A critic that also reads a condition, however steeply, pays for its slope in the features only."""
    real, fake, condition, _ = gaussians
    condition = condition.clone().requires_grad_()
    weight = torch.full((4,), 0.5, dtype=torch.float64)  # of length 1: no penalty
    penalty = gradient_penalty(lambda x: x @ weight + 100 * condition.square().sum(1), real, fake)
    assert penalty.item() == pytest.approx(0, abs=1e-12)


def test_gradient_penalty_moves_the_critic_and_never_the_generator(gaussians):
    real, fake, *_ = gaussians
    fake = fake.clone().requires_grad_()
    critic = mlp(4, 5, 1).double()
    gradient_penalty(critic, real, fake).backward()
    assert fake.grad is None
    assert critic[0].weight.grad.abs().sum() > 0


def test_reparameterise_draws_from_the_named_gaussian():
    torch.manual_seed(5)
    n = 40_000
    mean, log_var = torch.tensor([1.0, -2.0]), torch.tensor([math.log(4.0), math.log(0.25)])
    draws = reparameterise(mean.expand(n, 2), log_var.expand(n, 2))
    std = torch.tensor([2.0, 0.5])
    assert ((draws.mean(0) - mean).abs() < 6 * std / n**0.5).all()
    assert ((draws.std(0) - std).abs() < 6 * std / (2 * n) ** 0.5).all()
    assert torch.corrcoef(draws.T)[0, 1].abs() < 6 / n**0.5  # one draw a dimension, not one a row


def test_probability_left_to_unseen_classes_written_as_loops():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    total = 0
    for row in logits.tolist():
        raised = [math.exp(v + (-0.5 if c < 2 else 0.5)) for c, v in enumerate(row)]
        total -= sum(math.log(raised[c] / sum(raised)) for c in (2, 3)) / 2
    assert self_calibration(logits, 2, bias=0.5).item() == pytest.approx(total / 5)
    assert self_calibration(logits, 4).item() == 0
