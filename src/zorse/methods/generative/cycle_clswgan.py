"""cycle-CLSWGAN: generated features have to give their class vector back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from zorse.core import Paper
from zorse.templates import AdversarialGenerator, TrainingData, drawn
from zorse.training import Clock, MiniBatches, Turn, train


@dataclass(eq=False, repr=False, kw_only=True)
class CycleCLSWGAN(AdversarialGenerator):
    """f-CLSWGAN whose features a frozen regressor must be able to map back to the class vector they were made from.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 30, 64, 1e-4
        A step is ``n_critic`` critic moves and one generator move.
    hidden, penalty, n_critic : int, float, int, default 4096, 10, 5
        As in :class:`~zorse.templates.AdversarialGenerator`.
    beta : float, default 0.01
        Weight of the classification loss.
    cycle : float, default 0.01
        Weight of the cycle-consistency loss; 0 gives f-CLSWGAN.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``generator``.
    history_ : list of dict
        Mean loss of ``critic`` and ``generator``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d), (c,)
        The final classifier.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d), Tensor (m,), ndarray (s,)
        The real features kept.

    Notes
    -----
    The regressor R is trained on real features of seen classes and then stays as it is; the generator pays
    ||a - R(G(z, a))||^2 on top of what it pays in f-CLSWGAN.

    Differs from the paper: class vectors are brought to unit length; R is one linear layer, trained for
    ``classifier_epochs`` at ``classifier_lr``; the variant that also shows unseen class vectors to the generator
    (cycle-UWGAN) is left out.

    Cost: that of f-CLSWGAN, O(``epochs`` n h (d + k) ``n_critic``) for width h, and O(``epochs`` n d k).

    References
    ----------
    Felix, Vijay Kumar, Reid, Carneiro. Multi-modal Cycle-consistent Generalized Zero-Shot Learning. ECCV 2018.
    """

    paper = Paper(
        title="Multi-modal Cycle-consistent Generalized Zero-Shot Learning",
        authors="Rafael Felix, B. G. Vijay Kumar, Ian Reid, Gustavo Carneiro",
        venue="ECCV",
        year=2018,
        url="https://arxiv.org/abs/1808.00136",
        aka=("cycle-CLSWGAN", "cycle-WGAN", "multi-modal cycle consistency"),
    )

    beta: float = 0.01
    cycle: float = 0.01

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic = self._players(data)
        head = self._softmax(data.x, data.y, len(data.seen), generator)
        regressor = self._fit_regressor(data, generator)

        def generator_loss(batch, clock: Clock):
            _, a, y = batch
            fake = self._fake(a)
            recognised = nn.functional.cross_entropy(head(fake), y)
            returned = (a - regressor(fake)).square().sum(dim=1).mean()
            return self._fooled(critic, fake, a) + self.beta * recognised + self.cycle * returned

        return [self._critic_turn(critic), self._turn("generator", generator_loss, self.networks_)]

    def _fit_regressor(self, data: TrainingData, generator: torch.Generator) -> nn.Linear:
        regressor = drawn(nn.Linear(data.x.shape[1], data.seen.shape[1]), data)

        def loss(batch, clock: Clock):
            x, a = batch
            return (a - regressor(x)).square().sum(dim=1).mean()

        adam = partial(torch.optim.Adam, lr=self.classifier_lr, fused=True)
        batches = MiniBatches(data.x, data.a, size=self.classifier_batch_size, generator=generator)
        train([Turn("regressor", loss, regressor.parameters(), adam)], batches, epochs=self.classifier_epochs)
        return regressor.requires_grad_(False)

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator."""
        small: dict[str, Any] = {"epochs": 50, "batch_size": 256, "lr": 0.01, "hidden": 64, "beta": 1.0, "n_critic": 3}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"cycle": 0.3, "device": "cpu", "random_state": 0}]
