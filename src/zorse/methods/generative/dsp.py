"""DSP: class vectors evolve towards what is seen in the features made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import Paper
from zorse.nn import gaussian_kl, like, mlp, reparameterise
from zorse.templates import AdversarialGenerator, TrainingData, drawn, leaky
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class DSP(AdversarialGenerator):
    """An f-VAEGAN conditioned on class vectors that a network moves to what another reads off generated features.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        A step is ``n_critic`` critic moves and one move of the generator and of the evolving network.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`; ``hidden`` is the width of all networks.
    gamma : float, default 10
        Weight of the critic beside the VAE's loss.
    cycle : float, default 0.1
        Weight of the semantic cycle: class vectors have to be readable from generated and from real features.
    keep : float in [0, 1], default 0.9
        Part of the given class vector that stays (the paper's alpha); 1 evolves nothing.
    widen : bool, default True
        Whether the final classifier sees what is read off a feature beside the feature.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`. Features must lie in [0, 1].
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``, ``reader`` (the paper's V2SM, from features to class vectors), ``evolve`` (its VOPE).
    history_ : list of dict
        Mean loss of ``critic``, ``generator`` and ``evolve``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d + k), (c,)
        The final classifier, over feature and class vector read off it, side by side.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d + k), Tensor (m,), ndarray (s,)
        What the final classifier sees of the real features kept.

    Notes
    -----
    For a class vector s the generator, its encoder and the critic are given ``keep`` s + (1 - ``keep``) E(s), where the
    residual network E learns, by an l1 distance, what the reader finds in features generated for s. The reader learns s
    itself from real and generated features, by the same distance, together with the generator.

    Differs from the paper: class vectors evolve by one step of E, as they do when classes are synthesised, in training
    too, where the paper lets them go on from step to step. The paper joins a feature with the evolved vector of its
    class, which no one knows of a test sample; here every feature is joined with what the reader finds in it. Weights
    that the paper tunes for each data set are one compromise. Class vectors are brought to unit length.

    Cost: that of f-VAEGAN, O(``epochs`` n h (d + k) ``n_critic``) for width h; the final classifier is over d + k
    dimensions.

    References
    ----------
    Chen, Hou, Hong, Ding, Song, You, Liu, Zhang. Evolving Semantic Prototype Improves Generative Zero-Shot Learning.
    ICML 2023.
    """

    paper = Paper(
        title="Evolving Semantic Prototype Improves Generative Zero-Shot Learning",
        authors="Shiming Chen, Wenjin Hou, Ziming Hong, Xiaohan Ding, Yibing Song, Xinge You, Tongliang Liu, Kun Zhang",
        venue="ICML",
        year=2023,
        url="https://arxiv.org/abs/2306.06931",
        aka=("DSP", "dynamic semantic prototype evolving"),
        seed=45,
    )

    gamma: float = 10.0
    cycle: float = 0.1
    keep: float = 0.9
    widen: bool = True

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic, d, k = self._players(data, nn.Sigmoid()), data.x.shape[1], data.seen.shape[1]
        encoder = drawn(mlp(d + k, self.hidden, 2 * k, activation=leaky), data)
        nets, judged = self.networks_, self._critic_turn(critic)
        nets["reader"] = drawn(mlp(d, self.hidden, k, activation=leaky), data)
        nets["evolve"] = drawn(mlp(k, self.hidden, k, activation=leaky), data)

        def critic_loss(batch, clock: Clock):
            x, a, y = batch
            return judged.loss((x, self._evolved(a), y), clock)

        def generator_loss(batch, clock: Clock):
            x, a, _ = batch
            given = self._evolved(a)
            mean, log_var = encoder(torch.cat([x, given], dim=1)).chunk(2, dim=1)
            again = nets["generator"](torch.cat([reparameterise(mean, log_var), given], dim=1))
            vae = nn.functional.binary_cross_entropy(again, x, reduction="sum") / len(x) + gaussian_kl(mean, log_var)
            fake = self._fake(given)
            read = l1(nets["reader"](fake), a) + l1(nets["reader"](x), a)
            return vae + self.gamma * self._fooled(critic, fake, given) + self.cycle * read

        def evolve_loss(batch, clock: Clock):
            _, a, _ = batch
            with torch.no_grad():
                found = nets["reader"](self._fake(self._evolved(a)))
            return l1(a + nets["evolve"](a), found)

        return [
            self._turn("critic", critic_loss, critic, repeats=self.n_critic),
            self._turn("generator", generator_loss, encoder, nets["generator"], nets["reader"]),
            self._turn("evolve", evolve_loss, nets["evolve"]),
        ]

    @torch.no_grad()
    def _evolved(self, a: Tensor) -> Tensor:
        return a + (1 - self.keep) * self.networks_["evolve"](a)

    def _embed(self, x: Tensor) -> Tensor:
        return torch.cat([x, like(self.networks_["reader"], x)], dim=1) if self.widen else x

    def _generate(self, a: Tensor) -> Tensor:
        return self._embed(self._fake(self._evolved(a)))

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator."""
        small: dict[str, Any] = {"epochs": 50, "batch_size": 256, "lr": 0.01, "hidden": 64, "gamma": 1.0, "n_critic": 2}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"cycle": 1.0, "device": "cpu", "random_state": 0}]


def l1(p: Tensor, q: Tensor) -> Tensor:
    """Sum of absolute differences over dimensions, averaged over rows."""
    return (p - q).abs().sum(dim=1).mean()
