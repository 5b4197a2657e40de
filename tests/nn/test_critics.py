"""The written-down slope of a critic against autograd's derivative of a derivative."""

import pytest
import torch
from torch import nn

from zorse.nn import gradient_penalty, mlp, wasserstein_critic_loss

N, D, K = 7, 5, 3


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(N, width, generator=generator, dtype=torch.float64) for width in (D, D, K)]


def naive(critic, real, fake, a, penalty):
    """Row by row, in the order of the definition."""
    join = (lambda v, i: v) if a is None else (lambda v, i: torch.cat([v, a[i]]))
    gap = sum(critic(join(fake[i], i)).sum() - critic(join(real[i], i)).sum() for i in range(N)) / N
    condition = (lambda v: v) if a is None else (lambda v: torch.cat([v, a], dim=1))
    return gap + penalty * gradient_penalty(lambda v: critic(condition(v)), real, fake)


@pytest.mark.parametrize("widths", [(), (6,), (6, 4), (6, 4, 5)])
@pytest.mark.parametrize("activation", [nn.ReLU, lambda: nn.LeakyReLU(0.2)])
@pytest.mark.parametrize("conditioned", [True, False])
def test_loss_and_gradients_are_those_of_the_definition(batch, widths, activation, conditioned):
    real, fake, a = batch
    a = a if conditioned else None
    critic = mlp(D + K * conditioned, *widths, 1, activation=activation).double()
    with torch.no_grad():
        for p in critic.parameters():
            p.mul_(2)  # slopes away from 0
    torch.manual_seed(4)
    ours = wasserstein_critic_loss(critic, real, fake, a, 10.0)
    torch.manual_seed(4)
    theirs = naive(critic, real, fake, a, 10.0)
    torch.testing.assert_close(ours, theirs)
    assert ours.abs() > 0.01
    mine, hers = (torch.autograd.grad(loss, list(critic.parameters()), allow_unused=True) for loss in (ours, theirs))
    for g, h in zip(mine, hers):
        torch.testing.assert_close(g, h)


def test_a_critic_with_other_layers_takes_the_general_way(batch):
    real, fake, a = batch
    critic = nn.Sequential(nn.Linear(D + K, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    torch.manual_seed(4)
    ours = wasserstein_critic_loss(critic, real, fake, a, 3.0)
    torch.manual_seed(4)
    torch.testing.assert_close(ours, naive(critic, real, fake, a, 3.0))


def test_the_generator_gets_no_gradient_through_the_penalty(batch):
    real, fake, a = batch
    fake = fake.clone().requires_grad_()
    critic = mlp(D + K, 6, 1).double()
    (with_penalty,) = torch.autograd.grad(wasserstein_critic_loss(critic, real, fake, a, 10.0), fake)
    (without,) = torch.autograd.grad(wasserstein_critic_loss(critic, real, fake, a, 0.0), fake)
    torch.testing.assert_close(with_penalty, without)
