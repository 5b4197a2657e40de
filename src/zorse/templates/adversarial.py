"""What methods share whose generator plays against a Wasserstein critic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

from zorse.core import InputError
from zorse.nn import fill_linear, mlp, wasserstein_critic_loss
from zorse.templates.feature_generator import FeatureGenerator
from zorse.templates.training_data import TrainingData
from zorse.training import Clock, Turn

leaky = partial(nn.LeakyReLU, 0.2)
N = TypeVar("N", bound=nn.Module)


@dataclass(eq=False, repr=False, kw_only=True)
class AdversarialGenerator(FeatureGenerator):
    """A conditional WGAN with gradient penalty over features: generator and critic with one hidden layer each.

    A method's ``_turns`` calls ``_players``, adds its own networks to ``networks_`` and its own terms to
    ``_fooled``, and lists ``_critic_turn`` beside its own turns. Training features and samples of the final
    classifier are told apart: ``_fake`` makes the former, ``_generate`` embeds them.

    Parameters
    ----------
    hidden : int
        Width of the hidden layers.
    penalty : float
        Weight of the gradient penalty.
    n_critic : int
        Critic moves per generator move.
    """

    hidden: int = 4096
    penalty: float = 10.0
    n_critic: int = 5

    def _players(self, data: TrainingData, out: nn.Module | None = None) -> nn.Sequential:
        """Set ``networks_`` to hold ``generator``, which ends in ``out`` (a ReLU), and give the critic.

        Raises
        ------
        InputError
            If ``out`` is a sigmoid and a feature lies outside [0, 1].
        """
        if isinstance(out, nn.Sigmoid) and not 0 <= data.x.min() <= data.x.max() <= 1:
            raise InputError(
                f"{type(self).__name__} makes features between 0 and 1, and these lie between {data.x.min():g} and "
                f"{data.x.max():g}; scale='min-max' brings them there"
            )
        d, k = data.x.shape[1], data.seen.shape[1]
        generator = mlp(2 * k, self.hidden, d, activation=leaky, out=nn.ReLU() if out is None else out)
        self.networks_ = nn.ModuleDict({"generator": drawn(generator, data)})
        return drawn(mlp(d + k, self.hidden, 1, activation=leaky), data)

    def _critic_turn(self, critic: nn.Module) -> Turn:
        def loss(batch, clock: Clock):
            x, a, _ = batch
            with torch.no_grad():
                fake = self._fake(a)
            return wasserstein_critic_loss(critic, x, fake, a, self.penalty)

        return self._turn("critic", loss, critic, repeats=self.n_critic)

    def _turn(self, name: str, loss: Callable, *networks: nn.Module, repeats: int = 1) -> Turn:
        """A turn that moves ``networks`` by Adam as WGANs do."""
        params = [p for network in networks for p in network.parameters()]
        return Turn(name, loss, params, partial(torch.optim.Adam, lr=self.lr, betas=(0.5, 0.999), fused=True), repeats)

    @staticmethod
    def _fooled(critic: nn.Module, fake: Tensor, a: Tensor) -> Tensor:
        """The generator's own loss: minus what the critic thinks of ``fake``."""
        return -critic(torch.cat([fake, a], dim=1)).mean()

    def _fake(self, a: Tensor) -> Tensor:
        """Features (m, d) for class vectors a (m, k); noise has as many dimensions as a class vector."""
        return self.networks_["generator"](torch.cat([torch.randn_like(a), a], dim=1))

    def _generate(self, a: Tensor) -> Tensor:
        return self._embed(self._fake(a))


def drawn(network: N, data: TrainingData) -> N:
    """The network where the data lie, its weights drawn anew from N(0, 0.02)."""
    fill_linear(network.to(data.x.device), partial(nn.init.normal_, std=0.02))
    return network
