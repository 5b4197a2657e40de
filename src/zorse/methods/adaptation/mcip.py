"""MCIP (2024): tune the image tower for retrieval without losing the texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from zorse.core import Paper
from zorse.templates import EncoderTrainer, Lesson


class MCIP(EncoderTrainer):
    """ArcFace over labels for nearness among images, beside a margin loss over several captions of each image.

    Parameters
    ----------
    encoder : str or TrainableEncoder, default="mini"
        A name for ``load_encoder``, or an encoder that has ``duplicate``.
    weight : float, default=1.0
        Of the captions' loss; 0 tunes for retrieval alone.
    hardest : float, default=0.1
        Weight of the likeliest wrong caption in it.
    scale, margin : float, default=30.0, 0.1
        Of both losses: what cosines are multiplied by, and the angle added to right pairs.
    frozen : sequence of str, default=("text.*",)
        Patterns of weights that stay.
    epochs, batch_size, lr, weight_decay : int, int, float, float, default=3, 128, 1e-6, 0.01
        Of AdamW, whose rate falls to 0 along a cosine.
    proxy_lr : float, default=1e-2
        Rate of the labels' proxies.
    device : str, default="auto"
    random_state : int, RandomState or None
        Of proxies, shuffling and the captions drawn.

    Attributes
    ----------
    encoder_ : TrainableEncoder
    scale_ : float
    history_ : list of dict

    Notes
    -----
    ArcFace: cos(theta + m) for the image's own proxy, cos(theta) for the others, times ``scale``, cross-entropy. Where
    theta + m would pass pi, cos(theta) - m sin(m) takes its place. Captions: an image's own, as many as there are, and
    those of the whole batch are its candidates; own ones get the margin, the target is uniform over them, and
    -log p of the likeliest wrong one counts ``hardest`` times. Gradients are at most of length 1.

    Differs from the paper: captions are given; the paper retrieves them for unlabelled images from a large collection
    by similarity. The second term, as the released code has it, raises the likeliest wrong caption (its -log p is
    minimised), and is kept at its small weight.

    Cost: O(epochs n) passes of images, and back; texts once, where their tower is frozen.

    References
    ----------
    Schall, Barthel, Hezel, Jung, Optimizing CLIP Models for Image Retrieval with Maintained Joint-Embedding Alignment,
    SISAP 2024.
    """

    paper = Paper(
        title="Optimizing CLIP Models for Image Retrieval with Maintained Joint-Embedding Alignment",
        authors="Konstantin Schall, Kai Uwe Barthel, Nico Hezel, Klaus Jung",
        venue="SISAP",
        year=2024,
        url="https://arxiv.org/abs/2409.01936",
        aka=("MCIP", "multi-caption-image pairing"),
        seed=158,
    )
    needs = ("y", "texts")
    most = 1.0

    def __init__(
        self,
        encoder: Any = "mini",
        weight: float = 1.0,
        hardest: float = 0.1,
        scale: float = 30.0,
        margin: float = 0.1,
        frozen: Sequence[str] = ("text.*",),
        epochs: int = 3,
        batch_size: int = 128,
        lr: float = 1e-6,
        weight_decay: float = 0.01,
        proxy_lr: float = 1e-2,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.weight, self.hardest, self.scale, self.margin = encoder, weight, hardest, scale, margin
        self.frozen, self.epochs, self.batch_size = frozen, epochs, batch_size
        self.lr, self.weight_decay, self.proxy_lr = lr, weight_decay, proxy_lr
        self.device, self.random_state = device, random_state

    def _begin(self, lesson: Lesson) -> None:
        proxies = torch.empty(len(lesson.labels), lesson.encoder.dim, device=lesson.y.device)
        lesson.rates = {"more.proxies": self.proxy_lr / self.lr}
        lesson.more["proxies"] = torch.nn.Parameter(torch.nn.init.xavier_uniform_(proxies))

    def _loss(self, lesson: Lesson, rows: Tensor) -> Tensor:
        x, y = lesson.images(rows), lesson.y[rows]
        cosines = x @ normalize(lesson.more["proxies"], dim=1).T
        own = torch.nn.functional.one_hot(y, cosines.shape[1]).bool()
        loss = cross_entropy(self.scale * with_margin(cosines, own, self.margin), y)
        if not self.weight:
            return loss
        ids = torch.cat([lesson.of_image[row] for row in rows.tolist()]).unique()
        t = lesson.texts([lesson.captions[i] for i in ids.tolist()])
        mine = torch.stack([torch.isin(ids, lesson.of_image[row]) for row in rows.tolist()]).to(x.device)
        log_p = (self.scale * with_margin(x @ t.T, mine, self.margin)).log_softmax(dim=1)
        return loss + self.weight * several_captions(log_p, mine, self.hardest)

    @classmethod
    def example_texts(cls, y):
        """Two captions a picture."""
        return [[f"a {name} square", f"{name}"] for name in y.tolist()]


def with_margin(cosines: Tensor, own: Tensor, margin: float) -> Tensor:
    """cos(theta + margin) where ``own`` (b, c), cos(theta) elsewhere; cos(theta) - margin sin(margin) beyond pi."""
    sine = (1 - cosines.square()).clamp_min(1e-12).sqrt()
    turned = cosines * math.cos(margin) - sine * math.sin(margin)
    beyond = cosines <= math.cos(math.pi - margin)
    return torch.where(own, torch.where(beyond, cosines - margin * math.sin(margin), turned), cosines)


def several_captions(log_p: Tensor, mine: Tensor, hardest: float) -> Tensor:
    """Mean over images of -log p averaged over their captions, plus ``hardest`` times the largest -log p of others."""
    own = -(log_p * mine).sum(dim=1) / mine.sum(dim=1)
    others = (-log_p).masked_fill(mine, 0).amax(dim=1)
    return (own + hardest * others).mean()
