"""CADA-VAE: one autoencoder for features and one for class vectors, aligned in a latent space that is classified."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import Paper
from zorse.nn import fill_linear, gaussian_kl, like, mlp, reparameterise, wasserstein_between_gaussians
from zorse.templates import FeatureGenerator, TrainingData
from zorse.training import Clock, Turn

# First and last epoch of each linear warm-up, in a training of 100 epochs.
WARM_UP = {"beta": (0, 93), "gamma": (21, 75), "delta": (6, 22)}


@dataclass(eq=False, repr=False, kw_only=True)
class CADAVAE(FeatureGenerator):
    """Latent codes of images for seen classes, latent codes of class vectors for unseen ones, one softmax over both.

    Parameters
    ----------
    epochs : int, default 100
        Warm-ups are stretched along with it.
    batch_size : int, default 50
    lr : float, default 1.5e-4
        Step of Adam (AMSGrad).
    hidden : dict of str to int, optional
        Width of the one hidden layer of each network; default ``{"encoder_x": 1560, "decoder_x": 1660, "encoder_a":
        1450, "decoder_a": 665}``. A single int sets all four.
    latent : int, default 64
    beta : float, default 0.25
        Final weight of the KL divergence.
    gamma : float, default 2.37
        Final weight of the cross-alignment; 0 gives the paper's DA-VAE.
    delta : float, default 8.13
        Final weight of the distribution alignment; 0 gives the paper's CA-VAE.
    released_noise : bool, default False
        True: draw latent codes as the authors' code does (see Notes).
    n_seen, n_synthetic : int, default 200, 400
        Latent codes that the classifier learns from: of images for each seen class, of the class vector for each
        unseen one. ``n_seen=None`` takes one of each image.
    few_shot : int, default 0
        k in the paper's few-shot setting: classes with at most k images bring codes of both kinds.
    classifier_epochs, classifier_lr, classifier_batch_size : int, float, int, default 29, 1e-3, 32
        Adam on the final softmax (the authors' code: 21 to 33 epochs, by data set).
    scale, classifier, cascade, validation_classes, patience, device, random_state
        As in :class:`~zorse.templates.FeatureGenerator`.

    Attributes
    ----------
    networks_ : ModuleDict
        ``encoder_x``, ``encoder_a``: mean and log-variance side by side.
    history_ : list of dict
        Mean loss of ``vae``, an entry an epoch.
    coef_, intercept_ : ndarray of shape (c, latent), (c,)
        The final classifier, over latent means.
    seen_features_, seen_rows_ : Tensor of shape (m, latent), (m,)
        Latent codes of seen images.

    Notes
    -----
    The loss is that of two autoencoders with L1 reconstruction, plus ``gamma`` times the cross-alignment (each
    modality decoded from the other's code), plus ``delta`` times the distribution alignment (2-Wasserstein distance of
    the two posteriors). An image is classified by the mean of its posterior.

    Differs from the paper: the loss is averaged over the batch where the authors' code sums, which Adam does not feel;
    class vectors are brought to unit length; mean and log-variance are two halves of one layer. The paper draws codes
    with standard deviation exp(log_var / 2); the authors' code uses exp(log_var), and one normal number for all
    dimensions of a code. The published numbers rest on that: ``released_noise=True`` does it.

    Cost: with h the widths of ``hidden``, O(``epochs`` n h (d + k + latent)) to train; a label space of c candidates
    O((``n_seen`` + ``n_synthetic``) c h k) to synthesise and O(``classifier_epochs`` (``n_seen`` + ``n_synthetic``)
    latent c^2) to classify; memory beyond X O(``n_synthetic`` c latent).

    References
    ----------
    Schönfeld, Ebrahimi, Sinha, Darrell, Akata. Generalized Zero- and Few-Shot Learning via Aligned Variational
    Autoencoders. CVPR 2019.
    """

    paper = Paper(
        title="Generalized Zero- and Few-Shot Learning via Aligned Variational Autoencoders",
        authors="Edgar Schönfeld, Sayna Ebrahimi, Samarth Sinha, Trevor Darrell, Zeynep Akata",
        venue="CVPR",
        year=2019,
        url="https://arxiv.org/abs/1812.01784",
        aka=("CADA-VAE", "aligned variational autoencoders"),
        seed=26,
    )

    epochs: int = 100
    batch_size: int = 50
    lr: float = 1.5e-4
    hidden: int | dict[str, int] | None = None
    latent: int = 64
    beta: float = 0.25
    gamma: float = 2.37
    delta: float = 8.13
    released_noise: bool = False
    n_seen: int | None = 200
    n_synthetic: int = 400
    classifier_epochs: int = 29
    classifier_batch_size: int = 32

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        width = {"encoder_x": 1560, "decoder_x": 1660, "encoder_a": 1450, "decoder_a": 665}
        width = dict.fromkeys(width, self.hidden) if isinstance(self.hidden, int) else width | (self.hidden or {})
        sizes = {"x": data.x.shape[1], "a": data.seen.shape[1]}
        parts = {f"encoder_{m}": mlp(d, width[f"encoder_{m}"], 2 * self.latent) for m, d in sizes.items()}
        decoders = {m: mlp(self.latent, width[f"decoder_{m}"], d) for m, d in sizes.items()}
        self.networks_ = nn.ModuleDict(parts)
        everything = nn.ModuleDict(parts | {f"decoder_{m}": net for m, net in decoders.items()}).to(data.x.device)
        fill_linear(everything, partial(nn.init.xavier_uniform_, gain=0.5))

        def loss(batch, clock: Clock):
            x, a, _ = batch
            posterior_x, posterior_a = self._posterior("x", x), self._posterior("a", a)
            z_x, z_a = self._draw(*posterior_x), self._draw(*posterior_a)
            own = l1(decoders["x"](z_x), x) + l1(decoders["a"](z_a), a)
            cross = l1(decoders["x"](z_a), x) + l1(decoders["a"](z_x), a)
            divergence = gaussian_kl(*posterior_x) + gaussian_kl(*posterior_a)
            apart = wasserstein_between_gaussians(*posterior_x, *posterior_a)
            beta, gamma, delta = self._weights(clock)
            return own + beta * divergence + gamma * cross + delta * apart

        return [
            Turn("vae", loss, everything.parameters(), partial(torch.optim.Adam, lr=self.lr, amsgrad=True, fused=True))
        ]

    def _weights(self, clock: Clock) -> list[float]:
        """``beta``, ``gamma`` and ``delta`` in this epoch."""
        epoch = 100 * clock.epoch / self.epochs
        grown = {name: min(max((epoch - first) / (last - first), 0.0), 1.0) for name, (first, last) in WARM_UP.items()}
        return [part * getattr(self, name) for name, part in grown.items()]

    def _posterior(self, modality: str, inputs: Tensor) -> tuple[Tensor, ...]:
        return self.networks_[f"encoder_{modality}"](inputs).chunk(2, dim=1)

    def _draw(self, mean: Tensor, log_var: Tensor) -> Tensor:
        if self.released_noise:
            return mean + log_var.exp() * torch.randn_like(mean[:, :1])
        return reparameterise(mean, log_var)

    def _embed(self, x: Tensor) -> Tensor:
        return like(self.networks_["encoder_x"], x)[:, : self.latent]

    def _real(self, x: Tensor) -> Tensor:
        # Classes with fewer images than codes are gone through again, each time with other noise.
        rows = torch.arange(len(x) if self.n_seen is None else self.n_seen, device=x.device) % len(x)
        return self._draw(*self._posterior("x", x[rows]))

    def _generate(self, a: Tensor) -> Tensor:
        return self._draw(*self._posterior("a", a))

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small pair of autoencoders."""
        small: dict[str, Any] = {"epochs": 100, "batch_size": 64, "lr": 0.02, "hidden": 32, "latent": 16}
        small |= {"beta": 0.01, "delta": 0.3, "n_seen": 40, "n_synthetic": 40}
        return [small | {"classifier_epochs": 15, "classifier_lr": 0.02, "device": "cpu", "random_state": 0}]


def l1(p: Tensor, q: Tensor) -> Tensor:
    """Sum of absolute differences over dimensions, averaged over the batch."""
    return (p - q).abs().sum(dim=1).mean()
