"""f-VAEGAN-D2: one network decodes as in a VAE and generates as in a GAN; a second critic sees unlabelled samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from zorse.core import Paper, Traits
from zorse.nn import gaussian_kl, mlp, reparameterise, wasserstein_critic_loss
from zorse.templates import AdversarialGenerator, TrainingData, TraitsOf, drawn, leaky
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class FVAEGAND2(AdversarialGenerator):
    """Features from a decoder that reconstructs real ones as a VAE does and fools a critic as a GAN does.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        A step is ``n_critic`` moves of each critic and one of encoder and generator.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`.
    gamma : float, default 10
        Weight of the critics' judgement beside the VAE's loss.
    transductive : bool, default False
        True: ``fit`` takes ``unlabelled`` samples, and a critic without labels compares them with features generated
        for unseen classes (the D2 of the name).
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`. Features must lie in [0, 1].
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``.
    history_ : list of dict
        Mean loss of ``critic``, ``generator`` and, if ``transductive``, ``unlabelled``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d), (c,)
        The final classifier.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d), Tensor (m,), ndarray (s,)
        The real features kept.

    Notes
    -----
    Encoder q(z | x, a) and generator minimise cross-entropy of the reconstruction + KL(q || N(0, I)) + ``gamma`` times
    minus what the critic thinks of features from random noise. Codes have as many dimensions as a class vector.

    Differs from the paper: class vectors are brought to unit length; ``gamma`` is the later code's of TF-VAEGAN, which
    contains this method; unlabelled samples are taken to be of unseen classes, all alike frequent.

    Cost: with width h, O(``epochs`` n h (d + k) ``n_critic``) to train, twice that if ``transductive``.

    References
    ----------
    Xian, Sharma, Schiele, Akata. f-VAEGAN-D2: A Feature Generating Framework for Any-Shot Learning. CVPR 2019.
    """

    paper = Paper(
        title="f-VAEGAN-D2: A Feature Generating Framework for Any-Shot Learning",
        authors="Yongqin Xian, Saurabh Sharma, Bernt Schiele, Zeynep Akata",
        venue="CVPR",
        year=2019,
        url="https://arxiv.org/abs/1903.10132",
        aka=("f-VAEGAN-D2", "f-VAEGAN", "any-shot feature generation"),
    )
    traits = TraitsOf(
        lambda model: Traits(
            needs_unlabelled=model.transductive,
            open_candidates=model.classifier != "softmax",
            independent_samples=not model.cascade,
        )
    )

    gamma: float = 10.0
    transductive: bool = False

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic, d, k = self._players(data, nn.Sigmoid()), data.x.shape[1], data.seen.shape[1]
        encoder = drawn(mlp(d + k, self.hidden, 2 * k, activation=leaky), data)
        unseen, free = data.unlabelled, drawn(mlp(d, self.hidden, 1, activation=leaky), data)

        def generator_loss(batch, clock: Clock):
            x, a, _ = batch
            mean, log_var = encoder(torch.cat([x, a], dim=1)).chunk(2, dim=1)
            again = self.networks_["generator"](torch.cat([reparameterise(mean, log_var), a], dim=1))
            vae = nn.functional.binary_cross_entropy(again, x, reduction="sum") / len(x) + gaussian_kl(mean, log_var)
            loss = vae + self.gamma * self._fooled(critic, self._fake(a), a)
            return loss if unseen is None else loss - self.gamma * free(self._fake(some_unseen(len(x)))).mean()

        def some_unseen(n: int):
            return data.unseen[torch.randint(len(data.unseen), (n,)).to(data.x.device)]

        def unlabelled_loss(batch, clock: Clock):
            assert unseen is not None
            x = unseen[torch.randint(len(unseen), (len(batch[0]),)).to(unseen.device)]
            with torch.no_grad():
                fake = self._fake(some_unseen(len(x)))
            return wasserstein_critic_loss(free, x, fake, None, self.penalty)

        turns = [self._critic_turn(critic)]
        if unseen is not None:
            turns.append(self._turn("unlabelled", unlabelled_loss, free, repeats=self.n_critic))
        return [*turns, self._turn("generator", generator_loss, encoder, self.networks_)]

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small pair, without and with unlabelled samples."""
        small: dict[str, Any] = {"epochs": 50, "batch_size": 256, "lr": 0.01, "hidden": 64, "gamma": 1.0, "n_critic": 2}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        small |= {"device": "cpu", "random_state": 0}
        return [small, small | {"transductive": True}]
