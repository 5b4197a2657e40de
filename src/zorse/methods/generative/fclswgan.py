"""f-CLSWGAN: a conditional Wasserstein GAN over features, with a classification loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from zorse.core import Paper
from zorse.templates import AdversarialGenerator, TrainingData
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class FCLSWGAN(AdversarialGenerator):
    """Features of unseen classes from a WGAN-GP that a frozen softmax over seen classes also has to recognise.

    Parameters
    ----------
    epochs : int, default 30
        Passes over the training data; a step is ``n_critic`` critic moves and one generator move. The authors'
        code uses 30 on AWA1, 56 on CUB.
    batch_size : int, default 64
    lr : float, default 1e-4
        Adam's step for both players (the authors' code: 1e-5 on AWA1, 2e-4 on SUN).
    hidden : int, default 4096
        Width of the one hidden layer of generator and critic.
    penalty : float, default 10
        Weight of the gradient penalty (lambda, eq. 2).
    beta : float, default 0.01
        Weight of the classification loss (eq. 4); 0 gives the paper's f-WGAN.
    n_critic : int, default 5
        Critic moves per generator move.
    n_synthetic : int, default 300
        Features made of each unseen class.
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`. The generator ends in a ReLU, so features below 0 cannot be
        imitated.
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
    seen_features_, seen_rows_ : Tensor of shape (m, d), (m,)
        The real features kept.

    Notes
    -----
    The critic ascends eq. 2, the generator descends eq. 4, whose classification loss (eq. 3) is under a softmax
    pre-trained on real seen features. Noise has as many dimensions as a class vector. Over unseen candidates only, the
    final softmax (eq. 5) learns from synthetic features alone; seen candidates bring their real ones.

    Differs from the paper: nothing in the losses. Class vectors are brought to unit length first. The paper tunes
    epochs, ``lr`` and ``n_synthetic`` for each data set on validation classes; the defaults are one compromise.

    Cost: with widths h (``hidden``) and d + k, O(``epochs`` n h (d + k) ``n_critic``) to train; a label space of c
    candidates O(``n_synthetic`` c h (d + k)) to synthesise and O(``classifier_epochs`` (n + ``n_synthetic`` c) d c) to
    classify; memory O(n d + ``n_synthetic`` c d).

    References
    ----------
    Xian, Lorenz, Schiele, Akata. Feature Generating Networks for Zero-Shot Learning. CVPR 2018.
    """

    paper = Paper(
        title="Feature Generating Networks for Zero-Shot Learning",
        authors="Yongqin Xian, Tobias Lorenz, Bernt Schiele, Zeynep Akata",
        venue="CVPR",
        year=2018,
        url="https://arxiv.org/abs/1712.00981",
        aka=("f-CLSWGAN", "feature generating networks", "f-WGAN"),
        seed=25,
    )

    beta: float = 0.01

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        critic = self._players(data)
        head = self._softmax(data.x, data.y, len(data.seen), generator)

        def generator_loss(batch, clock: Clock):  # eq. 4
            _, a, y = batch
            fake = self._fake(a)
            recognised = nn.functional.cross_entropy(head(fake), y)  # eq. 3
            return self._fooled(critic, fake, a) + self.beta * recognised

        return [self._critic_turn(critic), self._turn("generator", generator_loss, self.networks_)]

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small generator."""
        small: dict[str, Any] = {"epochs": 50, "batch_size": 256, "lr": 0.01, "hidden": 64, "beta": 1.0, "n_critic": 3}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"device": "cpu", "random_state": 0}]
