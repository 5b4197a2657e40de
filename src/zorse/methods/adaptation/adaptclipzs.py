"""AdaptCLIPZS (CVPR 2024): fine-tune with descriptions of classes in place of captions of images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zorse.core import Paper
from zorse.nn.contrast import bag_contrast
from zorse.templates import EncoderTrainer, Lesson


class AdaptCLIPZS(EncoderTrainer):
    """Contrast images with sentences about their classes, every pair of one class being a right one.

    Parameters
    ----------
    encoder : str or TrainableEncoder, default="mini"
        A name for ``load_encoder``, or an encoder that has ``duplicate``.
    epochs, batch_size : int, default=15, 1024
    lr, weight_decay : float, default=5e-7, 1e-2
        Of AdamW, whose rate falls to 0 along a cosine.
    rates : dict of str to float, optional
        Factors of the rate by name of weight; the paper gives projections a fifth: ``{"*projection*": 0.2}``.
    temperature : float, default=2.0
        What the logits are divided by at first; learned, at the rate ``temperature_lr``.
    temperature_lr : float, default=1e-2
    parts : int, default=1
        Parts that a batch is taken in; images are compared with the sentences of their part.
    device : str, default="auto"
    random_state : int, RandomState or None
        Of shuffling and of the sentences drawn.

    Attributes
    ----------
    encoder_ : TrainableEncoder
    scale_ : float
    history_ : list of dict

    Notes
    -----
    ``fit(images, y, texts)`` with ``texts`` from label to sentences. A step draws a sentence of its class for every
    image; with logits l_ij = scale cos(x_i, t_j) / temperature, the loss is
    mean_i mean_{j: y_j = y_i} -log softmax_j(l_i) plus the same from texts to images. A class is then best described by
    the mean of its sentences, as ``class_table`` makes it; classes that had no images are described in the same way.

    Differs from the paper: images are not augmented; the rate falls once and is not restarted; projections move at the
    rate of the rest unless ``rates`` says otherwise, as encoders name them differently; every weight moves (the
    released code leaves out those with "proj" in their names, attention's among them, and does not shuffle).

    Cost: O(epochs n) passes of images and sentences, and back.

    References
    ----------
    Saha, Van Horn, Maji, Improved Zero-Shot Classification by Adapting VLMs with Text Descriptions, CVPR 2024.
    """

    paper = Paper(
        title="Improved Zero-Shot Classification by Adapting VLMs with Text Descriptions",
        authors="Oindrila Saha, Grant Van Horn, Subhransu Maji",
        venue="CVPR",
        year=2024,
        url="https://arxiv.org/abs/2401.02460",
        aka=("AdaptCLIPZS", "bag-level contrast"),
        seed=9,
    )
    needs = ("y", "texts")

    def __init__(
        self,
        encoder: Any = "mini",
        epochs: int = 15,
        batch_size: int = 1024,
        lr: float = 5e-7,
        weight_decay: float = 1e-2,
        rates: dict[str, float] | None = None,
        temperature: float = 2.0,
        temperature_lr: float = 1e-2,
        parts: int = 1,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.epochs, self.batch_size = encoder, epochs, batch_size
        self.lr, self.weight_decay, self.rates = lr, weight_decay, rates
        self.temperature, self.temperature_lr, self.parts = temperature, temperature_lr, parts
        self.device, self.random_state = device, random_state

    def _begin(self, lesson: Lesson) -> None:
        start = torch.tensor(float(self.temperature), device=lesson.y.device)
        lesson.more["temperature"] = torch.nn.Parameter(start)

    def _optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        single = [p for group in groups for p in group["params"] if p.ndim == 0]  # the temperature
        rest = [g | {"params": [p for p in g["params"] if p.ndim]} for g in groups]
        own = {"params": single, "lr": self.temperature_lr, "weight_decay": 1e-6}
        options: dict[str, Any] = {"betas": (0.9, 0.98), "eps": 1e-6}
        return torch.optim.AdamW([*rest, own], lr=self.lr, weight_decay=self.weight_decay, **options)

    def _loss(self, lesson: Lesson, rows: Tensor) -> Tensor:
        logits = lesson.images(rows) @ lesson.texts(lesson.drawn(rows)).T
        return bag_contrast(lesson.scale / lesson.more["temperature"] * logits, lesson.y[rows])

    def _end(self, lesson: Lesson) -> None:
        lesson.scale /= lesson.more["temperature"].item()

    @classmethod
    def example_texts(cls, y):
        """Two sentences a colour."""
        return {name: [f"{name} all over", f"a square of {name}"] for name in sorted(set(y.tolist()))}
