"""TF-VAEGAN: a decoder of class vectors feeds back into the generator, and what it sees joins the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import Paper
from zorse.nn import gaussian_kl, like, mlp, reparameterise, wasserstein_critic_loss, weighted_l1
from zorse.templates import AdversarialGenerator, TrainingData, drawn, leaky
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class TFVAEGAN(AdversarialGenerator):
    """f-VAEGAN with a semantic decoder whose hidden layer corrects the generator and widens every feature.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 120, 64, 1e-4
        Passes over the training data, in turn without and with feedback (an epoch of the authors' code is two).
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`; ``hidden`` is also the width of decoder and feedback.
    gamma : float, default 10
        Weight of the critic beside the VAE's loss.
    reconstruction : float, default 0.01
        Weight of the decoder's loss on generated features (the authors' code: 0.01 on CUB, 0.1 on AWA).
    feedback : float, default 1
        Weight of the feedback, in training and synthesis (the authors' code: 1 on CUB, 0.01 on AWA); 0 gives f-VAEGAN
        with a decoder.
    encoded_noise : bool, default False
        False: what the critic judges in training is generated from random noise, as the paper says. True: from the
        encoder's codes, as the authors' scripts do, on which the published numbers rest.
    freeze_decoder : bool, default False
        True: the decoder learns from real features alone (the authors' script for AWA).
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`. Features must lie in [0, 1].
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``, ``decoder`` (its hidden layer), ``vector`` (its output layer), ``feedback``.
    history_ : list of dict
        Mean loss of ``decoder``, ``critic`` and ``generator``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d + hidden + k), (c,)
        The final classifier, over feature, hidden layer and decoded class vector side by side.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d + hidden + k), Tensor (m,), ndarray (s,)
        What the final classifier sees of the real features kept.

    Notes
    -----
    The decoder learns class vectors from real features; generator and decoder also pay for vectors that cannot be read
    off what is made. With feedback a feature is generated twice: the decoder's hidden layer at the first goes through
    two layers, is added to the hidden layer of the generator, and yields the second.

    Differs from the paper: the decoder's error is weighted, as in the authors' code, where the paper has a plain l1;
    the weight of the gradient penalty stays as it is, which that code adapts while it trains. All networks have the
    step ``lr`` (there 1e-5 for the feedback on CUB), and the encoder one hidden layer (there two). Class vectors are
    brought to unit length. The transductive variant is left out.

    Cost: with width h, O(``epochs`` n ``n_critic`` h (d + k + h)) to train; the final classifier is over d + h + k
    dimensions, O(``classifier_epochs`` (n + ``n_synthetic`` c) (d + h + k) c).

    References
    ----------
    Narayan, Gupta, Khan, Snoek, Shao. Latent Embedding Feedback and Discriminative Features for Zero-Shot
    Classification. ECCV 2020.
    """

    paper = Paper(
        title="Latent Embedding Feedback and Discriminative Features for Zero-Shot Classification",
        authors="Sanath Narayan, Akshita Gupta, Fahad Shahbaz Khan, Cees G. M. Snoek, Ling Shao",
        venue="ECCV",
        year=2020,
        url="https://arxiv.org/abs/2003.07833",
        aka=("TF-VAEGAN", "latent embedding feedback"),
        seed=38,
    )

    epochs: int = 120
    gamma: float = 10.0
    reconstruction: float = 0.01
    feedback: float = 1.0
    encoded_noise: bool = False
    freeze_decoder: bool = False

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic, d, k = self._players(data, nn.Sigmoid()), data.x.shape[1], data.seen.shape[1]
        encoder = drawn(mlp(d + k, self.hidden, 2 * k, activation=leaky), data)
        nets = self.networks_
        nets["decoder"] = drawn(nn.Sequential(nn.Linear(d, self.hidden), leaky()), data)
        nets["vector"] = drawn(nn.Linear(self.hidden, k), data)
        nets["feedback"] = drawn(mlp(self.hidden, self.hidden, self.hidden, activation=leaky, out=leaky()), data)

        def code(x: Tensor, a: Tensor):
            return encoder(torch.cat([x, a], dim=1)).chunk(2, dim=1)

        def decoder_loss(batch, clock: Clock):
            x, a, _ = batch
            return weighted_l1(self._decoded(nets["decoder"](x)), a)

        def critic_loss(batch, clock: Clock):
            x, a, _ = batch
            with torch.no_grad():
                z = reparameterise(*code(x, a)) if self.encoded_noise else torch.randn_like(a)
                fake = self._made(z, a, clock.epoch % 2 == 1)
            return wasserstein_critic_loss(critic, x, fake, a, self.penalty)

        def generator_loss(batch, clock: Clock):
            x, a, _ = batch
            fed_back = clock.epoch % 2 == 1
            mean, log_var = code(x, a)
            again = self._made(reparameterise(mean, log_var), a, fed_back)
            vae = nn.functional.binary_cross_entropy(again, x, reduction="sum") / len(x) + gaussian_kl(mean, log_var)
            fake = again if self.encoded_noise else self._made(torch.randn_like(a), a, fed_back)
            read = weighted_l1(self._decoded(nets["decoder"](fake)), a)
            return vae + self.gamma * self._fooled(critic, fake, a) + self.reconstruction * read

        decoder = (nets["decoder"], nets["vector"])
        moved = (encoder, nets["generator"], nets["feedback"], *(() if self.freeze_decoder else decoder))
        return [
            self._turn("decoder", decoder_loss, *decoder, repeats=self.n_critic),
            self._turn("critic", critic_loss, critic, repeats=self.n_critic),
            self._turn("generator", generator_loss, *moved),
        ]

    def _made(self, z: Tensor, a: Tensor, fed_back: bool) -> Tensor:
        """Features of codes z and class vectors a, both (m, k); with feedback, the second ones."""
        first, activation, last, out = self.networks_["generator"].children()
        hidden = activation(first(torch.cat([z, a], dim=1)))
        x = out(last(hidden))
        if not fed_back:
            return x
        seen = self.networks_["decoder"](x).detach()
        return out(last(hidden + self.feedback * self.networks_["feedback"](seen)))

    def _fake(self, a: Tensor) -> Tensor:
        return self._made(torch.randn_like(a), a, fed_back=True)

    def _decoded(self, hidden: Tensor) -> Tensor:
        return nn.functional.normalize(self.networks_["vector"](hidden), dim=1)

    def _embed(self, x: Tensor) -> Tensor:
        hidden = like(self.networks_["decoder"], x)
        return torch.cat([x, hidden, nn.functional.normalize(like(self.networks_["vector"], hidden), dim=1)], dim=1)

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small set of networks."""
        small: dict[str, Any] = {"epochs": 40, "batch_size": 256, "lr": 0.01, "hidden": 32, "gamma": 1.0, "n_critic": 2}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"reconstruction": 1.0, "feedback": 0.1, "device": "cpu", "random_state": 0}]
