"""DUET: attribute tokens are grounded in patches by guessing masked attributes and by attribute-level contrast."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, normalize

from zorse.core import Paper
from zorse.nn.attention import attend
from zorse.nn.blocks import mlp
from zorse.nn.contrast import among_hard_pairs, supervised_contrastive
from zorse.nn.losses import self_calibration
from zorse.templates import PatchClassifier
from zorse.training import Clock


class DUET(PatchClassifier):
    r"""Cross-modal semantic grounding: what an image shows of each attribute, learned from masks and hard pairs.

    A sentence of attribute tokens goes through layers in which tokens look at the patches of the image, then at each
    other. A token that is told carries its class's strength of the attribute, a masked one does not; the vector z_j
    that comes out for attribute j is read as its score. A new image has all tokens masked, and is compared by the
    scores psi it then has: psi^T a_c. Training adds up

    - cross-entropy of psi^T a_c over the seen classes, and a term that leaves probability to unseen ones,
    - masked attributes: with some tokens masked, whether the class has them (more than seen classes do on average),
      each weighed by how far its strength is from that average,
    - attribute-level contrast: z_j against that of a sample of an unlike class that has attribute j as well, among
      samples of like classes that have not, which parts attributes that come together,
    - class-level contrast: samples of one class against those of others, by the mean of their z_j.

    Parameters
    ----------
    hidden : int, default=128
        Length of tokens and projected patches.
    layers : int, default=1
        How often tokens look.
    mask : float, default=0.5
        Share of tokens masked in training.
    grounding, attribute_contrast, class_contrast, calibration : float, default=1.0, 0.1, 0.1 and 0.1
        Weights of masked attributes, of both contrasts and of leaving probability to unseen classes.
    n_negatives : int, default=8
        Samples without the attribute that the attribute-level contrast draws for each sample.
    temperature : float, default=0.1
        Of the class-level contrast.
    epochs : int, default=30
    batch_size : int, default=50
    lr : float, default=0.001
        Of Adam.
    weight_decay : float, default=0.0001
    random_state : int, RandomState or None
        Of initialisation, shuffling, masks and pairs.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        "patch", "tokens" (one column an attribute), "told" (what a strength adds), "read" and the "layers".
    mean_, spread_ : ndarray of shape (d,) and float
        What patches are centred on and divided by.
    history_ : list of dict
        Mean loss of each epoch.

    Notes
    -----
    Differs from the paper: there is no BERT and no DeiT. Patches are given and stay as they are; a sentence of
    attribute names, whose words a language model would bring, is a learned token an attribute, so that guessing a
    masked word becomes guessing whether the class has the attribute; attributes without groups have no mutually
    exclusive partners, and a hard negative is a like class that lacks the attribute. Weights, widths, steps and epochs
    are ours. The released code compares attributes by inner products without temperature, as is done here; at class
    level it sets the logits of same-class negatives to 0 and so keeps them in the denominator, which is not done here.

    Cost: O(epochs layers n (k h^2 + k p h + k^2 h)) to fit with p patches, hidden h and k attributes, and half of that
    for one epoch to score.

    References
    ----------
    Chen, Huang, Chen, Geng, Zhang, Fang, Pan and Chen, "DUET: cross-modal semantic grounding for contrastive zero-shot
    learning", AAAI 2023.
    """

    paper = Paper(
        title="DUET: Cross-modal Semantic Grounding for Contrastive Zero-shot Learning",
        authors="Zhuo Chen, Yufeng Huang, Jiaoyan Chen, Yuxia Geng, Wen Zhang, Yin Fang, Jeff Z. Pan, Huajun Chen",
        venue="AAAI",
        year=2023,
        url="https://arxiv.org/abs/2207.01328",
        aka=("DUET",),
        seed=24,
    )

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 1,
        mask: float = 0.5,
        grounding: float = 1.0,
        attribute_contrast: float = 0.1,
        class_contrast: float = 0.1,
        calibration: float = 0.1,
        n_negatives: int = 8,
        temperature: float = 0.1,
        epochs: int = 30,
        batch_size: int = 50,
        lr: float = 0.001,
        weight_decay: float = 0.0001,
        random_state=None,
        device: str = "auto",
    ):
        self.hidden = hidden
        self.layers = layers
        self.mask = mask
        self.grounding = grounding
        self.attribute_contrast = attribute_contrast
        self.class_contrast = class_contrast
        self.calibration = calibration
        self.n_negatives = n_negatives
        self.temperature = temperature
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _build(self, x: Tensor, phi: Tensor) -> nn.ModuleDict:
        h, k = self.hidden, phi.shape[1]

        def layer() -> nn.ModuleDict:
            maps = {name: nn.Linear(h, h) for name in ("ask", "show", "bring", "ask_own", "show_own", "bring_own")}
            norms = {name: nn.LayerNorm(h) for name in ("seen", "heard", "thought")}
            return nn.ModuleDict({**maps, **norms, "think": mlp(h, 2 * h, h, activation=nn.GELU)})

        return nn.ModuleDict(
            {
                "patch": nn.Linear(x.shape[-1], h),
                "tokens": nn.Linear(k, h, bias=False),
                "told": nn.Linear(1, h),
                "read": nn.Linear(k, h, bias=False),
                "project": mlp(h, h, h),
                "layers": nn.ModuleList(layer() for _ in range(self.layers)),
            }
        )

    def _ground(self, x: Tensor, strengths: Tensor | None = None, masked: Tensor | None = None):
        """Vectors (b, k, h) and scores (b, k) of all attributes, and where they look at last (b, k, p)."""
        net, h = self.networks_, self.hidden
        patches = net["patch"](x.flatten(1, 2))
        z = (net["tokens"].weight.T * h**0.5).expand(len(x), -1, -1)
        if strengths is not None and masked is not None:
            z = z + net["told"](strengths[:, :, None]) * ~masked[:, :, None]
        for layer in cast(list[nn.ModuleDict], list(net["layers"].children())):
            found, looks = attend(layer["ask"](z), layer["show"](patches), layer["bring"](patches))
            z = layer["seen"](z + found)
            heard, _ = attend(layer["ask_own"](z), layer["show_own"](z), layer["bring_own"](z))
            z = layer["heard"](z + heard)
            z = layer["thought"](z + layer["think"](z))
        return z, (z * net["read"].weight.T).sum(dim=2), looks

    def _compatibility(self, x: Tensor, phi: Tensor) -> Tensor:
        return self._ground(x)[1] @ phi.T

    def _loss(self, x: Tensor, target: Tensor, phi: Tensor, n_seen: int, clock: Clock) -> Tensor:
        z, scores, _ = self._ground(x)
        logits = scores @ phi.T
        loss = cross_entropy(logits[:, :n_seen], target) + self.calibration * self_calibration(logits, n_seen)
        apart = phi - self.centre_
        strengths = apart[target] / apart[:n_seen].std().clamp_min(1e-6)
        has = (strengths > 0).to(x.dtype)
        if self.grounding:
            masked = torch.rand(strengths.shape, device=x.device) < self.mask
            guessed = self._ground(x, strengths, masked)[1]
            losses = binary_cross_entropy_with_logits(guessed, has, reduction="none")
            weights = strengths.abs() * masked
            loss = loss + self.grounding * (losses * weights).sum() / weights.sum().clamp_min(1e-6)
        if self.attribute_contrast:
            alike = normalize(apart, dim=1)[target]
            pairs = among_hard_pairs(self.networks_["project"](z), has > 0, alike @ alike.T, self.n_negatives)
            loss = loss + self.attribute_contrast * pairs
        if self.class_contrast:
            loss = loss + self.class_contrast * supervised_contrastive(z.mean(dim=1), target, self.temperature)
        return loss

    def _attention(self, x: Tensor, phi: Tensor) -> Tensor:
        _, scores, looks = self._ground(x)
        return self._share_of(scores, looks, phi).reshape(x.shape[:3])

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and short."""
        return [{"hidden": 16, "epochs": 25, "batch_size": 24, "lr": 0.005, "random_state": 0, "device": "cpu"}]
