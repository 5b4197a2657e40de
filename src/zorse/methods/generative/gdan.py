"""GDAN: a conditional VAE, a regressor back to class vectors, and a discriminator of pairs, trained on a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zorse.core import Paper
from zorse.nn import gaussian_kl, mlp
from zorse.templates import FeatureGenerator, TrainingData
from zorse.training import Clock, MiniBatches, Turn, train


@dataclass(eq=False, repr=False, kw_only=True)
class GDAN(FeatureGenerator):
    """Features from a VAE that a regressor maps back; one discriminator judges pairs that either of them made.

    Parameters
    ----------
    epochs, batch_size, lr : int, int, float, default 500, 128, 1e-5
    pretrain_epochs, pretrain_lr : int, float, default 150, 1e-5
        Passes of the VAE alone before (the authors' code: 670 on CUB, 150 on AWA2).
    hidden : dict of str to int, optional
        Widths; default ``{"encoder": 1200, "decoder": 600, "regressor": 512, "discriminator": 800}``. The encoder has a
        second hidden layer of half its width. A single int sets all four.
    latent : int, default 100
    dropout : float, default 0.3
        In the encoder, between its hidden layers.
    cycle, regression, dual : float, default 0.1, 0.1, 0.1
        Weight of the cycle consistency, of the regressor's error, and of its own game with the discriminator (theta 1
        to 3 of the authors' code).
    weight_decay : float, default 0.01
    released : bool, default False
        True: as the authors' code, on which the published numbers rest: the encoder is not told the class vector, and
        noise is uniform in [0, 1).
    n_synthetic : int, default 500
    classifier : {"softmax", "1-nn"}, default "1-nn"
    scale, n_seen, few_shot, cascade, classifier_epochs, classifier_lr, classifier_batch_size
        As in :class:`~zorse.templates.FeatureGenerator`.
    validation_classes, patience, device, random_state
        As there.

    Attributes
    ----------
    networks_ : ModuleDict
        ``decoder``.
    history_ : list of dict
        Mean loss of ``discriminator`` and ``generator``, an entry an epoch.
    seen_features_, seen_rows_, seen_counts_ : Tensor (m, d), Tensor (m,), ndarray (s,)
        The real features kept.

    Notes
    -----
    The discriminator (least squares) calls a feature with its own class vector real, and fake: a reconstructed feature,
    a feature with the regressor's vector (``dual``), and one with another class's vector. Generator and regressor
    minimise the VAE's loss, want the first two called real, and pay for what a cycle through both changes.

    Decoder and regressor end in a ReLU, as in the authors' code, where no training feature, or no class vector, is
    negative.

    Differs from the paper: class vectors are brought to unit length, and features to [0, 1] where the authors' code
    leaves them as they are (``scale=None``), which changes how much the reconstruction weighs beside the games.

    Cost: O((``epochs`` + ``pretrain_epochs``) n h (d + k)) for width h; a label space of c candidates
    O(``n_synthetic`` c h d), and each scored sample O((n + ``n_synthetic`` c) d).

    References
    ----------
    Huang, Wang, Yu, Wang. Generative Dual Adversarial Network for Generalized Zero-Shot Learning. CVPR 2019.
    """

    paper = Paper(
        title="Generative Dual Adversarial Network for Generalized Zero-Shot Learning",
        authors="He Huang, Changhu Wang, Philip S. Yu, Chang-Dong Wang",
        venue="CVPR",
        year=2019,
        url="https://arxiv.org/abs/1811.04857",
        aka=("GDAN", "generative dual adversarial network"),
        seed=2,
    )

    epochs: int = 500
    batch_size: int = 128
    lr: float = 1e-5
    pretrain_epochs: int = 150
    pretrain_lr: float = 1e-5
    hidden: int | dict[str, int] | None = None
    latent: int = 100
    dropout: float = 0.3
    cycle: float = 0.1
    regression: float = 0.1
    dual: float = 0.1
    weight_decay: float = 0.01
    released: bool = False
    n_synthetic: int = 500
    classifier: str = "1-nn"

    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        width = {"encoder": 1200, "decoder": 600, "regressor": 512, "discriminator": 800}
        width = dict.fromkeys(width, self.hidden) if isinstance(self.hidden, int) else width | (self.hidden or {})
        d, k, e = data.x.shape[1], data.seen.shape[1], width["encoder"]
        told = d if self.released else d + k
        hidden = [nn.Linear(told, e), nn.ReLU(), nn.Dropout(self.dropout), nn.Linear(e, e // 2), nn.ReLU()]
        encoder = nn.Sequential(*hidden, nn.Linear(e // 2, 2 * self.latent)).to(data.x.device)
        decoder = mlp(self.latent + k, width["decoder"], d, out=_rectified(data.x)).to(data.x.device)
        regressor = mlp(d, width["regressor"], k, out=_rectified(data.seen)).to(data.x.device)
        judge = mlp(d + k, width["discriminator"], 1).to(data.x.device)
        self.networks_ = nn.ModuleDict({"decoder": decoder})
        mse = nn.functional.mse_loss

        def again(x: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            mean, log_var = encoder(x if self.released else torch.cat([x, a], dim=1)).chunk(2, dim=1)
            noise = torch.rand_like(mean) if self.released else torch.randn_like(mean)
            return decoder(torch.cat([mean + (log_var / 2).exp() * noise, a], dim=1)), mean, log_var

        def vae(x: Tensor, made: tuple[Tensor, Tensor, Tensor]) -> Tensor:
            return 0.5 * (x - made[0]).square().sum(dim=1).mean() + gaussian_kl(*made[1:])

        def called(x: Tensor, a: Tensor, real: float) -> Tensor:
            return (judge(torch.cat([x, a], dim=1)) - real).square().mean()

        def discriminator_loss(batch, clock: Clock):
            x, a, y = batch
            with torch.no_grad():
                fake, read = again(x, a)[0], regressor(x)
            lies = called(fake, a, 0.0) + self.dual * called(x, read, 0.0)
            if (seen := len(data.seen)) > 1:  # a single class has no other to be mistaken for
                other = (y + 1 + torch.randint(seen - 1, y.shape).to(y)) % seen
                lies = lies + called(x, data.seen[other], 0.0)
            return called(x, a, 1.0) + lies

        def generator_loss(batch, clock: Clock):
            x, a, _ = batch
            made, read = again(x, a), regressor(x)
            cycle = mse(regressor(made[0]), a) + mse(again(x, read)[0], x)
            loss = vae(x, made) + called(made[0], a, 1.0) + self.cycle * cycle
            return loss + self.regression * mse(read, a) + self.dual * called(x, read, 1.0)

        adam = partial(torch.optim.Adam, betas=(0.8, 0.999), weight_decay=self.weight_decay, fused=True)
        autoencoder = [*encoder.parameters(), *decoder.parameters()]
        first = partial(torch.optim.Adam, lr=self.pretrain_lr, weight_decay=self.weight_decay, fused=True)
        alone = Turn("vae", lambda batch, clock: vae(batch[0], again(*batch)), autoencoder, first)
        pairs = MiniBatches(data.x, data.a, size=self.batch_size, generator=generator)
        train([alone], pairs, epochs=self.pretrain_epochs)
        return [
            Turn("discriminator", discriminator_loss, judge.parameters(), partial(adam, lr=self.lr)),
            Turn("generator", generator_loss, [*autoencoder, *regressor.parameters()], partial(adam, lr=self.lr)),
        ]

    def _generate(self, a: Tensor) -> Tensor:
        noise = (torch.rand if self.released else torch.randn)(len(a), self.latent, device=a.device)
        return self.networks_["decoder"](torch.cat([noise, a], dim=1))

    @classmethod
    def example_params(cls) -> list[dict]:
        """One small set of networks."""
        small: dict[str, Any] = {"epochs": 50, "batch_size": 256, "lr": 3e-3, "pretrain_epochs": 50, "hidden": 64}
        small |= {"pretrain_lr": 0.03, "latent": 8, "dropout": 0.0, "weight_decay": 0.0, "n_synthetic": 30}
        return [small | {"device": "cpu", "random_state": 0}]


def _rectified(values: Tensor) -> nn.ReLU | None:
    return nn.ReLU() if values.min() >= 0 else None
