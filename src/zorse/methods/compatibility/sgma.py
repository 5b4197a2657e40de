"""SGMA: a few attention maps find the parts that tell classes apart, guided by nothing but class descriptions."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from zorse.core import InputError, Paper
from zorse.nn.blocks import mlp
from zorse.nn.parts import box, compactness, overlap, places
from zorse.templates import PatchClassifier
from zorse.training import Clock


class SGMA(PatchClassifier):
    r"""Semantic-guided multi-attention localization: crops of parts beside the whole image, compact and unlike.

    From the mean patch g each of m maps takes weights of channels, w_i = sigmoid(W_2 relu(W_1 g)), and attends to
    M_i(p) = sigmoid(w_i^T (x_p - g)), where the channels of x_p are at least 0. A soft square around the map's centre
    crops its part. Whole image and parts are embedded, theta = [whole; parts], and compared with classes twice:

    - in the semantic space, theta^T W a_c, trained by a softmax over the seen classes;
    - in a latent space f = theta / ||theta||, trained by triplets with a learned centre of each class,
      max(0, margin + ||f - C_y||^2 - ||f - C_k||^2). An unseen class has the mean latent vectors of the seen ones,
      combined as ridge regression combines their class vectors into its own.

    Maps are kept compact, mean of ||p - peak_i||^2 under M_i, and unlike, mean of M_i(p) max(0, max_j M_j(p) - 0.2).

    Parameters
    ----------
    parts : int, default=2
        Number m of attention maps.
    side : float, default=0.5
        Of a crop, as a share of the grid.
    hidden : int, default=128
        Length of an embedded part, and of the whole image.
    attention, triplet : float, default=1.0 and 1.0
        Weights of the losses on maps and of the triplets.
    margin : float, default=0.8
        Of the triplets.
    latent : float, default=10.0
        What a cosine in the latent space counts beside a score in the semantic space; 0 leaves it out.
    ridge : float, default=1.0
        Penalty of the combination of seen classes, above 0.
    epochs : int, default=30
    batch_size : int, default=50
    lr : float, default=0.001
        Of Adam.
    weight_decay : float, default=0.0001
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        "channels" (an MLP a map), "whole", "part", "semantic" (W) and "centres".
    to_latent_ : Tensor of shape (k, (m + 1) hidden)
        From class vectors to latent prototypes.
    mean_, spread_ : ndarray of shape (d,) and float
        What patches are centred on and divided by.
    history_ : list of dict
        Mean loss of each epoch.

    Notes
    -----
    Differs from the paper: crops are of the grid, not of the image, so that a part is the mean of its patches, weighed
    by the map, and no second network looks at it enlarged; a crop's side is fixed and its centre the map's centre of
    mass, where the paper regresses both; compactness is a mean under the map, where the paper's sum could be made small
    by fading away; triplets average over all wrong classes; maps start at random, where the paper clusters channels
    first; each sign of a given feature is a channel, as weights above 0 ask for channels that are rectified, and maps
    are taken of what a patch has beyond the mean patch; widths, steps and epochs are ours.

    Cost: O(epochs n (m p d + (m + 1) d h + h k + s h)) to fit for p patches, hidden h and s seen classes; O(n (m p d +
    (m + 1) d h + c h)) to score.

    References
    ----------
    Zhu, Xie, Tang, Peng and Elgammal, "Semantic-guided multi-attention localization for zero-shot learning", NeurIPS
    2019.
    """

    paper = Paper(
        title="Semantic-Guided Multi-Attention Localization for Zero-Shot Learning",
        authors="Yizhe Zhu, Jianwen Xie, Zhiqiang Tang, Xi Peng, Ahmed Elgammal",
        venue="NeurIPS",
        year=2019,
        url="https://arxiv.org/abs/1903.00502",
        aka=("SGMA", "Learning where to look"),
        seed=60,
    )

    def __init__(
        self,
        parts: int = 2,
        side: float = 0.5,
        hidden: int = 128,
        attention: float = 1.0,
        triplet: float = 1.0,
        margin: float = 0.8,
        latent: float = 10.0,
        ridge: float = 1.0,
        epochs: int = 30,
        batch_size: int = 50,
        lr: float = 0.001,
        weight_decay: float = 0.0001,
        random_state=None,
        device: str = "auto",
    ):
        self.parts = parts
        self.side = side
        self.hidden = hidden
        self.attention = attention
        self.triplet = triplet
        self.margin = margin
        self.latent = latent
        self.ridge = ridge
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _build(self, x: Tensor, phi: Tensor) -> nn.ModuleDict:
        if self.parts < 1 or not 0 < self.side <= 1:
            raise InputError(f"expected at least 1 part and a side in (0, 1]; got {self.parts} and {self.side}")
        d, h, width = x.shape[-1], self.hidden, (self.parts + 1) * self.hidden
        return nn.ModuleDict(
            {
                "channels": nn.ModuleList(
                    mlp(2 * d, max(d // 4, 4), 2 * d, out=nn.Sigmoid()) for _ in range(self.parts)
                ),
                "whole": mlp(d, h, h),
                "part": mlp(d, h, h),
                "semantic": nn.Linear(width, phi.shape[1], bias=False),
                "centres": nn.Linear(width, len(phi), bias=False),
            }
        )

    def _maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Attention (b, m, gh, gw) and the share each patch has in its part's feature, the same shape, summing to 1."""
        # Weights are above 0, so that a channel speaks for a patch or not at all: each sign is a channel of its own.
        channels = torch.cat([x.clamp(min=0), (-x).clamp(min=0)], dim=3)
        g = channels.mean(dim=(1, 2))
        weights = torch.stack([layer(g) for layer in self.networks_["channels"].children()], dim=1)
        maps = torch.sigmoid(torch.einsum("bmd,bhwd->bmhw", weights, channels - g[:, None, None]))
        # The centre of what stands out: a map that is flat at 1/2 has no centre of its own.
        mass = maps.flatten(2).square()
        at = places(x.shape[1], x.shape[2], x).reshape(-1, 2)
        centre = (mass / mass.sum(dim=2, keepdim=True)) @ at
        crops = maps * box(centre, self.side, x.shape[1], x.shape[2])
        return maps, crops / crops.sum(dim=(2, 3), keepdim=True)

    def _embed(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Theta (b, (m + 1) h), the maps and the patches' shares."""
        maps, shares = self._maps(x)
        parts = self.networks_["part"](torch.einsum("bmhw,bhwd->bmd", shares, x))
        return torch.cat([self.networks_["whole"](x.mean(dim=(1, 2))), parts.flatten(1)], dim=1), maps, shares

    def _compatibility(self, x: Tensor, phi: Tensor) -> Tensor:
        theta = self._embed(x)[0]
        prototypes = normalize(phi @ self.to_latent_.to(phi), dim=1)
        return self.networks_["semantic"](theta) @ phi.T + self.latent * normalize(theta, dim=1) @ prototypes.T

    def _loss(self, x: Tensor, target: Tensor, phi: Tensor, n_seen: int, clock: Clock) -> Tensor:
        theta, maps, _ = self._embed(x)
        loss = cross_entropy(self.networks_["semantic"](theta) @ phi[:n_seen].T, target)
        loss = loss + self.attention * (compactness(maps) + overlap(maps, 0.2))
        apart = torch.cdist(
            normalize(theta, dim=1), normalize(cast(Tensor, self.networks_["centres"].weight), dim=1)
        ).square()
        own = apart.gather(1, target[:, None])
        hinges = (self.margin + own - apart).clamp(min=0).scatter(1, target[:, None], 0.0)
        return loss + self.triplet * hinges.sum(dim=1).mean() / max(n_seen - 1, 1)

    def _finish(self, x: Tensor, target: Tensor, phi: Tensor) -> None:
        f = torch.cat([normalize(self._embed(block)[0], dim=1) for block in x.split(256)])
        means = torch.stack([f[target == i].mean(dim=0) for i in range(len(phi))]).double()
        A = phi.double()
        gram = A @ A.T + self.ridge * torch.eye(len(A), dtype=A.dtype, device=A.device)
        self.to_latent_ = (A.T @ torch.linalg.solve(gram, means)).float().cpu().contiguous()

    def _attention(self, x: Tensor, phi: Tensor) -> Tensor:
        # Whole and parts by what each brings the class above an average seen one; the whole looks everywhere alike.
        theta, _, shares = self._embed(x)
        W = cast(Tensor, self.networks_["semantic"].weight).T.reshape(self.parts + 1, self.hidden, -1)
        brings = torch.einsum("bmh,mhk,bk->bm", theta.unflatten(1, W.shape[:2]), W, phi - self.centre_.to(phi))
        maps = torch.cat([torch.full_like(shares[:, :1], 1 / shares[0, 0].numel()), shares], dim=1)
        return torch.einsum("bm,bmhw->bhw", brings.clamp(min=0), maps)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and short."""
        return [{"hidden": 16, "epochs": 40, "batch_size": 24, "lr": 0.005, "random_state": 0, "device": "cpu"}]
