"""Network blocks made of plain ``torch.nn`` layers, so that a fitted model can be saved without pickle."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn
from torch.func import functional_call


def mlp(*widths: int, activation: Callable[[], nn.Module] = nn.ReLU, out: nn.Module | None = None) -> nn.Sequential:
    """Linear layers of the given widths with ``activation()`` between them, and ``out`` after the last."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    layers[-1:] = [] if out is None else [out]
    return nn.Sequential(*layers)


def normed_mlp(*widths: int, dropout: float = 0.5) -> nn.Sequential:
    """Linear layers of the given widths; layer norm, ReLU and dropout between them, a ReLU after the last."""
    layers: list[nn.Module] = []
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        layers += [nn.LayerNorm(fan_in), nn.ReLU(), nn.Dropout(dropout)] if i else []
        layers.append(nn.Linear(fan_in, fan_out))
    return nn.Sequential(*layers, nn.ReLU())


def fill_linear(network: nn.Module, fill: Callable[[Tensor], object]) -> None:
    """Draw the weights of every linear layer in ``network`` anew with ``fill`` (of ``nn.init``); biases become 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            fill(layer.weight)
            nn.init.zeros_(layer.bias)


def like(network: nn.Module, x: Tensor) -> Tensor:
    """``network(x)`` computed in the precision and place of ``x``, whatever those of the network are."""
    return functional_call(network, {name: p.to(x) for name, p in network.state_dict().items()}, x)
