"""CVAE-ZSL: a conditional variational autoencoder of features; its decoder makes those of unseen classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import Paper
from zorse.nn import gaussian_kl, mlp, reparameterise
from zorse.templates import FeatureGenerator, TrainingData
from zorse.training import Clock, Turn


@dataclass(eq=False, repr=False, kw_only=True)
class CVAEZSL(FeatureGenerator):
    """Features of unseen classes from the decoder of a variational autoencoder that is told the class vector.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 25, 50, 1e-3
    hidden : int, default 512
        Width of the one hidden layer of encoder and decoder.
    latent : int, default 50
        Dimensions of the latent code.
    n_synthetic : int, default 300
    scale, n_seen, few_shot, classifier, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``decoder``.
    history_ : list of dict
        Mean loss of ``vae``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, d), (c,)
        The final classifier.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d), Tensor (m,), ndarray (s,)
        The real features kept.

    Notes
    -----
    Encoder q(z | x, a) and decoder p(x | z, a) minimise ||x - x'||^2 + KL(q || N(0, I)); a class is synthesised from
    draws of N(0, I).

    Differs from the paper: the final classifier is a softmax in place of a linear SVM, and seen classes bring their
    real features. Class vectors are brought to unit length; widths, epochs and step size are not told in the paper.

    Cost: O(``epochs`` n h (d + k + ``latent``)) for width h; a label space of c candidates O(``n_synthetic`` c h d) to
    synthesise and O(``classifier_epochs`` (n + ``n_synthetic`` c) d c) to classify.

    References
    ----------
    Mishra, Krishna Reddy, Mittal, Murthy. A Generative Model For Zero Shot Learning Using Conditional Variational
    Autoencoders. CVPR Workshops 2018.
    """

    paper = Paper(
        title="A Generative Model For Zero Shot Learning Using Conditional Variational Autoencoders",
        authors="Ashish Mishra, M Shiva Krishna Reddy, Anurag Mittal, Hema A Murthy",
        venue="CVPR Workshops",
        year=2018,
        url="https://arxiv.org/abs/1709.00663",
        aka=("CVAE-ZSL", "conditional variational autoencoder"),
    )

    epochs: int = 25
    batch_size: int = 50
    lr: float = 1e-3
    hidden: int = 512
    latent: int = 50

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        d, k = data.x.shape[1], data.seen.shape[1]
        encoder = mlp(d + k, self.hidden, 2 * self.latent).to(data.x.device)
        decoder = mlp(self.latent + k, self.hidden, d).to(data.x.device)
        self.networks_ = nn.ModuleDict({"decoder": decoder})

        def loss(batch, clock: Clock):
            x, a, _ = batch
            mean, log_var = encoder(torch.cat([x, a], dim=1)).chunk(2, dim=1)
            again = decoder(torch.cat([reparameterise(mean, log_var), a], dim=1))
            return (x - again).square().sum(dim=1).mean() + gaussian_kl(mean, log_var)

        adam = partial(torch.optim.Adam, lr=self.lr, fused=True)
        return [Turn("vae", loss, [*encoder.parameters(), *decoder.parameters()], adam)]

    def _generate(self, a: Tensor) -> Tensor:
        z = torch.randn(len(a), self.latent, device=a.device)
        return self.networks_["decoder"](torch.cat([z, a], dim=1))

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small autoencoder."""
        small: dict[str, Any] = {"epochs": 100, "batch_size": 256, "lr": 0.01, "hidden": 64, "latent": 8}
        small |= {"n_synthetic": 30, "classifier_epochs": 15, "classifier_lr": 0.05, "classifier_batch_size": 64}
        return [small | {"device": "cpu", "random_state": 0}]
