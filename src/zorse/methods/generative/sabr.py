"""SABR: features are generated in a latent space in which classes are as similar as their vectors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import InputError, Paper, Traits
from zorse.nn import like, mlp, wasserstein_critic_loss
from zorse.templates import AdversarialGenerator, TrainingData, TraitsOf, drawn, leaky
from zorse.training import Clock, MiniBatches, Turn, train


@dataclass(eq=False, repr=False, kw_only=True)
class SABR(AdversarialGenerator):
    """An encoder that keeps classes apart and similar ones near, and an f-CLSWGAN over what it gives.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        A step is ``n_critic`` critic moves and one generator move.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`.
    latent : int, default 1024
        Dimensions of the latent space.
    similarity : float, default 0.1
        Weight of the similarity-based cross-entropy beside the classification loss, in encoder and generator.
    beta : float, default 0.01
        Weight of both beside the critic's judgement.
    transductive : bool, default False
        True: SABR-T, which ``fit`` gives ``unlabelled`` samples of unseen classes: a second generator learns from them.
    transfer : float, default 0.1
        Weight, below 1, with which the second generator also has to fool a critic of seen latent features.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`; epochs, step and batch size also of the encoder.
    validation_classes, patience, device, random_state
        As there. The paper's cure of the bias to seen classes, choosing by held-out classes, is ``validation_classes``.

    Attributes
    ----------
    networks_ : ModuleDict
        ``encoder``, ``generator`` (of latent features) and, transductive, ``unseen`` (the second generator).
    trained_ : Tensor of shape (s, k)
        Class vectors that ``generator`` answers for; all others are made by ``unseen``, if there is one.
    history_ : list of dict
        Mean loss of ``critic`` and ``generator`` and, transductive, ``unlabelled``, ``transfer`` and ``unseen``.
    coef_, intercept_ : ndarray of shape (c, latent), (c,)
        The final classifier.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, latent), Tensor (m,), ndarray (s,)
        Latent features of the real ones kept.

    Notes
    -----
    The encoder psi, a classifier f and a regressor R are trained first, on cross-entropy of f(psi(x)) + ``similarity``
    times that of softmax over seen classes of <a_c, R(psi(x))>. Then they stay as they are, and a WGAN with gradient
    penalty generates psi(x) from class vectors, paying both losses on what it makes.

    The transductive variant adds a generator of unseen classes. It has to fool a critic of unlabelled latent features
    that is not told the class, pays the similarity-based cross-entropy over unseen classes, and is tied to the seen
    ones weakly: a critic of seen against its own features counts with ``transfer``.

    Differs from the paper: its weak transfer constraint is rendered as that third critic. Encoder and regressor are one
    layer each; the weights are not the paper's, which tunes them for each data set. Class vectors are brought to unit
    length.

    Cost: with width h and latent size l, O(``classifier_epochs`` n d l + ``epochs`` n ``n_critic`` (h (l + k) + d l))
    to train; the final classifier is over l dimensions.

    References
    ----------
    Paul, Krishnan, Munjal. Semantically Aligned Bias Reducing Zero Shot Learning. CVPR 2019.
    """

    paper = Paper(
        title="Semantically Aligned Bias Reducing Zero Shot Learning",
        authors="Akanksha Paul, Narayanan C. Krishnan, Prateek Munjal",
        venue="CVPR",
        year=2019,
        url="https://arxiv.org/abs/1904.07659",
        aka=("SABR", "semantically aligned bias reducing"),
        seed=52,
    )

    traits = TraitsOf(
        lambda model: Traits(
            open_candidates=model.classifier != "softmax",
            independent_samples=not model.cascade,
            needs_unlabelled=model.transductive,
        )
    )

    latent: int = 1024
    similarity: float = 0.1
    beta: float = 0.01
    transductive: bool = False
    transfer: float = 0.1
    trained_: Tensor = field(init=False)

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        d, k, s = data.x.shape[1], data.seen.shape[1], len(data.seen)
        encoder = drawn(nn.Sequential(nn.Linear(d, self.latent), nn.ReLU()), data)
        head, regressor = drawn(nn.Linear(self.latent, s), data), drawn(nn.Linear(self.latent, k), data)

        def told(h: Tensor, y: Tensor) -> Tensor:
            alike = nn.functional.cross_entropy(regressor(h) @ data.seen.T, y)
            return nn.functional.cross_entropy(head(h), y) + self.similarity * alike

        self._fit_space(
            lambda batch, clock: told(encoder(batch[0]), batch[1]), (encoder, head, regressor), data, generator
        )
        with torch.no_grad():
            critic = self._players(replace(data, x=encoder(data.x)))
        self.networks_["encoder"] = encoder
        players = self._critic_turn(critic)

        def critic_loss(batch, clock: Clock):
            x, a, y = batch
            with torch.no_grad():
                h = encoder(x)
            return players.loss((h, a, y), clock)

        def generator_loss(batch, clock: Clock):
            _, a, y = batch
            fake = self._fake(a)
            return self._fooled(critic, fake, a) + self.beta * told(fake, y)

        self.trained_ = data.seen.cpu()
        turns = [
            self._turn("critic", critic_loss, critic, repeats=self.n_critic),
            self._turn("generator", generator_loss, self.networks_["generator"]),
        ]
        return turns + (self._unseen_turns(data, encoder, regressor) if self.transductive else [])

    def _unseen_turns(self, data: TrainingData, encoder: nn.Module, regressor: nn.Module) -> list[Turn]:
        """Of a second generator, its critic of unlabelled latent features and its weak one of seen ones."""
        if data.unlabelled is None or not len(data.unseen):
            raise InputError("SABR needs classes without labelled samples in the class table to be transductive")
        k, h = data.seen.shape[1], self.hidden
        new = self.networks_["unseen"] = drawn(mlp(2 * k, h, self.latent, activation=leaky, out=nn.ReLU()), data)
        critics = [drawn(mlp(self.latent, h, 1, activation=leaky), data) for _ in range(2)]
        with torch.no_grad():
            latent = [encoder(data.unlabelled), encoder(data.x)]

        def some(n: int) -> tuple[Tensor, Tensor]:
            """Features of the second generator (n, latent), and the places of their classes among unseen ones."""
            y = torch.randint(len(data.unseen), (n,)).to(data.x.device)
            a = data.unseen[y]
            return new(torch.cat([torch.randn_like(a), a], dim=1)), y

        def judged(critic: nn.Module, real: Tensor, batch) -> Tensor:
            n = len(batch[0])
            with torch.no_grad():
                fake, _ = some(n)
            rows = torch.randint(len(real), (n,)).to(real.device)
            return wasserstein_critic_loss(critic, real[rows], fake, None, self.penalty)

        def unseen_loss(batch, clock: Clock) -> Tensor:
            fake, y = some(len(batch[0]))
            alike = nn.functional.cross_entropy(regressor(fake) @ data.unseen.T, y)
            fooled = critics[0](fake).mean() + self.transfer * critics[1](fake).mean()
            return self.beta * self.similarity * alike - fooled

        named = zip(("unlabelled", "transfer"), critics, latent, strict=True)
        return [
            *(
                self._turn(name, lambda b, t, c=c, real=real: judged(c, real, b), c, repeats=self.n_critic)
                for name, c, real in named
            ),
            self._turn("unseen", unseen_loss, new),
        ]

    def _fit_space(self, loss, networks: tuple[nn.Module, ...], data: TrainingData, generator: torch.Generator) -> None:
        batches = MiniBatches(data.x, data.y, size=self.classifier_batch_size, generator=generator)
        adam = partial(torch.optim.Adam, lr=self.classifier_lr, fused=True)
        params = [p for network in networks for p in network.parameters()]
        train([Turn("encoder", loss, params, adam)], batches, epochs=self.classifier_epochs)
        for network in networks:
            network.requires_grad_(False)

    def _embed(self, x: Tensor) -> Tensor:
        return like(self.networks_["encoder"], x)

    def _generate(self, a: Tensor) -> Tensor:
        fake = self._fake(a)  # what is generated is latent already
        if "unseen" not in self.networks_:
            return fake
        unseen = self.networks_["unseen"](torch.cat([torch.randn_like(a), a], dim=1))
        known = (torch.cdist(a, self.trained_.to(a), compute_mode="donot_use_mm_for_euclid_dist") < 1e-5).any(dim=1)
        return torch.where(known[:, None], fake, unseen)

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator over a small space, and two."""
        small: dict[str, Any] = {"epochs": 40, "batch_size": 256, "lr": 0.02, "hidden": 32, "beta": 1.0, "n_critic": 2}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.02, "classifier_batch_size": 64}
        small |= {"latent": 24, "similarity": 1.0, "device": "cpu", "random_state": 0}
        return [small, small | {"transductive": True}]
