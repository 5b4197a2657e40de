"""Losses of critics that tell real from generated rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zorse.nn.losses import gradient_penalty


def wasserstein_critic_loss(critic: nn.Module, real: Tensor, fake: Tensor, a: Tensor | None, penalty: float) -> Tensor:
    """Mean critic(fake) - mean critic(real) + ``penalty`` * gradient penalty, to be descended by the critic.

    ``a`` (n, k) is the condition of each row, appended to it; None for a critic without. The critic's output has one
    column. For a plain chain of linear layers and (leaky) ReLUs, the slope between real and fake is a product of
    weights and gates, which is written down in place of a third pass through the critic and a derivative of a
    derivative: O(n h (d + k)) spared, and the result is the same.
    """
    pair = torch.cat([fake, real.to(fake)])
    rows = pair if a is None else torch.cat([pair, a.to(fake).repeat(2, 1)], dim=1)
    n, d = fake.shape
    linears, slopes = _chain(critic)
    if linears:
        place = torch.rand(n, 1, device=real.device, dtype=real.dtype)
        hidden = linears[0](rows)
        # The first layer is linear: between two points it lies between its values there.
        between = torch.lerp(hidden[:n].detach().to(place), hidden[n:].detach().to(place), place)
        for activation, linear in zip(list(critic.children())[1::2], linears[1:]):
            hidden = linear(activation(hidden))
        slope = _slope(linears, _gates(between, linears, slopes))[:, :d]
        cost = (slope.norm(dim=1) - 1).square().mean()
    else:
        condition = [] if a is None else [a]
        hidden = critic(rows)
        cost = gradient_penalty(lambda v: critic(torch.cat([v, *condition], dim=1)), real, fake)
    return hidden[:n].mean() - hidden[n:].mean() + penalty * cost


def _chain(critic: nn.Module) -> tuple[list[nn.Linear], list[float]]:
    """Linear layers and the slopes below 0 of the ReLUs between them; two empty lists if it is no such chain."""
    layers = list(critic.children()) if isinstance(critic, nn.Sequential) else []
    linears = [layer for layer in layers[::2] if isinstance(layer, nn.Linear)]
    kinked = [layer for layer in layers[1::2] if isinstance(layer, nn.ReLU | nn.LeakyReLU)]
    if len(linears) + len(kinked) < len(layers) or len(linears) != len(kinked) + 1:
        return [], []
    return linears, [float(getattr(layer, "negative_slope", 0.0)) for layer in kinked]


@torch.no_grad()
def _gates(hidden: Tensor, linears: list[nn.Linear], slopes: list[float]) -> list[Tensor]:
    """The slope of every activation, (n, h), after the first linear layer gave ``hidden``."""
    gates = []
    for linear, below in zip([*linears[1:-1], None], slopes):
        gates.append(torch.where(hidden > 0, 1.0, below))
        if linear is not None:
            hidden = linear(hidden * gates[-1])
    return gates


def _slope(linears: list[nn.Linear], gates: list[Tensor]) -> Tensor:
    """d critic / d row (n, d + k), differentiable in the weights; gates have no slope of their own."""
    slope: Tensor = linears[-1].weight  # (1, h)
    for linear, gate in zip(linears[-2::-1], reversed(gates)):
        slope = (slope * gate) @ linear.weight
    return slope
