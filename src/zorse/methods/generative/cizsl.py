"""CIZSL: what is generated for classes that nobody described should be hard to place among the seen ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import Paper
from zorse.nn import centroid_loss, class_means, fill_linear, mixed, mlp, sharma_mittal, wasserstein_critic_loss
from zorse.templates import FeatureGenerator, TrainingData
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class CIZSL(FeatureGenerator):
    """A GAN with visual pivots (GAZSL) that also makes features for mixed class vectors and keeps them apart from all.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 500, 1000, 1e-4
        A step is ``n_critic`` critic moves and one generator move (the authors' code: 3,000 steps).
    hidden : int, default 4096
        Width of the hidden layer of generator and critic.
    reduced : int, default 1000
        Width that class vectors are brought to first.
    latent : int, default 100
        Dimensions of the noise.
    penalty, n_critic : float, int, default 10, 5
        Weight of the gradient penalty, and critic moves per generator move.
    creativity : float, default 0.1
        Weight of the divergence from "any seen class alike" (the authors' code: 1e-4 to 1, by data set). None leaves
        mixed class vectors out altogether, which is GAZSL.
    orders : tuple of two floats, optional
        alpha and beta of the Sharma-Mittal divergence; None learns both, within (0.2, 0.8).
    pivot : float, default 1
        Weight of the distance between generated and real class means.
    released : bool, default False
        True: the divergence and the pivots of the authors' code, on which the published numbers rest.
    weight_norm, reduction_norm : float, default 1e-3, 1e-4
        Weight of the generator's squared weights, and of the (2, 1) norm of its first layer.
    classifier : {"softmax", "1-nn"}, default "1-nn"
    n_seen, n_synthetic : int, default 0, 60
        By default the classifier sees generated features of seen classes as well.
    scale, few_shot, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``reduction``, ``generator``.
    history_ : list of dict
        Mean loss of ``critic`` and ``generator``, an entry an epoch.

    Notes
    -----
    The critic's hidden layer has two heads: real or generated, and which seen class. A mixed vector is a t_a +
    (1 - a) t_b of two samples of the batch, a in (0.2, 0.8), brought to unit length; what is generated for it should
    look real and, to the second head, like no class more than another.

    Differs from the paper: the orders of the divergence are moved by the generator's optimizer; class vectors are
    brought to unit length; the final classifier is the nearest of the generated features in place of the most similar
    pivot or 20 neighbours. The authors' code inverts the exponent of the Sharma-Mittal divergence, rescales it in each
    batch to [0, 1], and takes the pivots' distance unsquared (``released``); by default all three are the paper's.

    Cost: O(``epochs`` n ``n_critic`` h (d + ``reduced``)) for width h to train; a scored sample
    O(``n_synthetic`` c d).

    References
    ----------
    Elhoseiny, Elfeki. Creativity Inspired Zero-Shot Learning. ICCV 2019.
    """

    paper = Paper(
        title="Creativity Inspired Zero-Shot Learning",
        authors="Mohamed Elhoseiny, Mohamed Elfeki",
        venue="ICCV",
        year=2019,
        url="https://arxiv.org/abs/1904.01109",
        aka=("CIZSL", "creativity inspired", "GAZSL with a creative loss"),
        seed=33,
    )

    epochs: int = 500
    batch_size: int = 1000
    hidden: int = 4096
    reduced: int = 1000
    latent: int = 100
    penalty: float = 10.0
    n_critic: int = 5
    creativity: float | None = 0.1
    orders: tuple[float, float] | None = None
    pivot: float = 1.0
    released: bool = False
    weight_norm: float = 1e-3
    reduction_norm: float = 1e-4
    classifier: str = "1-nn"
    n_seen: int | None = 0
    n_synthetic: int = 60

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        d, k, s = data.x.shape[1], data.seen.shape[1], len(data.seen)
        reduction = nn.Linear(k, self.reduced)
        generated = mlp(self.latent + self.reduced, self.hidden, d, activation=nn.LeakyReLU, out=nn.Tanh())
        critic, placed = mlp(d, self.hidden, 1), nn.Linear(self.hidden, s)
        for network in (reduction, generated, critic, placed):
            fill_linear(network.to(data.x.device), nn.init.xavier_normal_)
        self.networks_ = nn.ModuleDict({"reduction": reduction, "generator": generated})
        shared = critic[:2]
        real, _ = class_means(data.x, data.y, s)
        raw = nn.Parameter(torch.zeros(2, device=data.x.device))
        weights = [p for name, p in self.networks_.named_parameters() if name.endswith("weight")]

        def wrong(x: Tensor, y: Tensor) -> Tensor:
            return nn.functional.cross_entropy(placed(shared(x)), y)

        def critic_loss(batch, clock: Clock):
            x, a, y = batch
            with torch.no_grad():
                fake = self._generate(a)
            return wasserstein_critic_loss(critic, x, fake, None, self.penalty) + wrong(x, y) + wrong(fake, y)

        def generator_loss(batch, clock: Clock):
            _, a, y = batch
            fake = self._generate(a)
            loss = 0.5 * wrong(fake, y) - critic(fake).mean()
            loss = loss + self.pivot * centroid_loss(fake, y, real, squared=not self.released)
            loss = loss + self.weight_norm * sum(w.square().sum() for w in weights)
            loss = loss + self.reduction_norm * (reduction.weight.square().sum(dim=0) + 1e-12).sqrt().sum()
            if self.creativity is None:
                return loss
            new = self._generate(mixed(a))
            alpha, beta = self.orders or 0.2 + 0.6 * torch.sigmoid(raw)
            chances = placed(shared(new)).softmax(dim=1)
            divergence = inverted if self.released else sharma_mittal
            placeable = divergence(chances, torch.full_like(chances, 1 / s), alpha, beta)
            return loss - critic(new).mean() + self.creativity * placeable

        adam = partial(torch.optim.Adam, lr=self.lr, betas=(0.5, 0.9), fused=True)
        critics = [*critic.parameters(), *placed.parameters()]
        return [
            Turn("critic", critic_loss, critics, adam, repeats=self.n_critic),
            Turn("generator", generator_loss, [*self.networks_.parameters(), raw], adam),
        ]

    def _generate(self, a: Tensor) -> Tensor:
        z = torch.randn(len(a), self.latent, device=a.device)
        return self.networks_["generator"](torch.cat([z, self.networks_["reduction"](a)], dim=1))

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator."""
        small: dict[str, Any] = {"epochs": 60, "batch_size": 256, "lr": 0.01, "hidden": 64, "reduced": 16, "latent": 6}
        small |= {"n_critic": 2, "n_seen": None, "n_synthetic": 30, "weight_norm": 1e-4}
        return [small | {"device": "cpu", "random_state": 0}]


def inverted(p: Tensor, q: Tensor, alpha: Tensor | float, beta: Tensor | float) -> Tensor:
    """The authors' Sharma-Mittal divergence: its exponent upside down, rows scaled to [0, 1], then averaged."""
    overlap = (p**alpha * q ** (1 - alpha)).sum(dim=1)
    rows = (overlap ** ((1 - alpha) / (1 - beta)) - 1) / (beta - 1)
    return ((rows - rows.min()) / (rows.max() - rows.min()).clamp_min(1e-12)).mean()
