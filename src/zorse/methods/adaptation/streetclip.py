"""StreetCLIP (2023): captions made from places, and an answer that goes from the country to the city."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zorse.core import ClassTable, InputError, Paper
from zorse.nn.contrast import image_text_contrast
from zorse.templates import EncoderTrainer, Lesson


class StreetCLIP(EncoderTrainer):
    """Fine-tune with synthetic captions of nested labels, and recognise the widest level first.

    Parameters
    ----------
    encoder : str or TrainableEncoder, default="mini"
        A name for ``load_encoder``, or an encoder that has ``duplicate``.
    template : str, default="A Street View photo close to the town of {0} in the region of {1} in {2}."
        The synthetic caption; its places are the levels of a label, narrowest first.
    wide : str, default="A Street View photo in {}."
        Prompt of a value of the widest level, in :meth:`locate`.
    epochs, batch_size, lr, weight_decay : int, int, float, float, default=3, 64, 1e-6, 0.01
        Of AdamW, whose rate falls to 0 along a cosine.
    device : str, default="auto"
    random_state : int, RandomState or None
        Of shuffling.

    Attributes
    ----------
    encoder_ : TrainableEncoder
    table_ : ClassTable
        Captions of the labels.
    scale_ : float
    history_ : list of dict

    Notes
    -----
    ``fit(images, y)`` with labels such as ``"Paris, Ile-de-France, France"``, narrowest level first. The caption is the
    template filled with the levels; the loss is CLIP's over the distinct labels of a batch: an image of a label that
    occurs before in the batch is left out, so that no right caption is counted as wrong. :meth:`locate` takes the best
    value of the widest level first, then the best place within it.

    Differs from the paper: the temperature is fixed; the paper's encoder is CLIP ViT-L/14 at 336 pixels.

    Cost: O(epochs n) passes of images and captions, and back.

    References
    ----------
    Haas, Alberti, Skreta, Learning Generalized Zero-Shot Learners for Open-Domain Image Geolocalization, 2023.
    """

    paper = Paper(
        title="Learning Generalized Zero-Shot Learners for Open-Domain Image Geolocalization",
        authors="Lukas Haas, Silas Alberti, Michal Skreta",
        venue="arXiv",
        year=2023,
        url="https://arxiv.org/abs/2302.00275",
        aka=("StreetCLIP", "synthetic captions"),
        seed=81,
    )
    needs = ("y",)

    def __init__(
        self,
        encoder: Any = "mini",
        template: str = "A Street View photo close to the town of {0} in the region of {1} in {2}.",
        wide: str = "A Street View photo in {}.",
        epochs: int = 3,
        batch_size: int = 64,
        lr: float = 1e-6,
        weight_decay: float = 0.01,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.template, self.wide = encoder, template, wide
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    def caption(self, label: str) -> str:
        """The synthetic caption of a place.

        Raises
        ------
        InputError
            If it has fewer levels than the template has places.
        """
        try:
            return self.template.format(*label.split(", "))
        except IndexError as error:
            raise InputError(f"{label!r} has fewer levels than {self.template!r} has places") from error

    def locate(self, images: Iterable, places: Sequence[str]) -> np.ndarray:
        """The place of each image, among those of the country (widest level) that it most looks like."""
        x = self.encoder_.encode_images(list(images))
        widest = np.array([place.split(", ")[-1] for place in places])
        countries = np.unique(widest)
        country = countries[(x @ self.encoder_.encode_text([self.wide.format(c) for c in countries]).T).argmax(axis=1)]
        scores = x @ self.encoder_.encode_text([self.caption(place) for place in places]).T
        return np.array(places)[np.where(widest == country[:, None], scores, -np.inf).argmax(axis=1)]

    def _begin(self, lesson: Lesson) -> None:
        lesson.captions = [self.caption(label) for label in lesson.labels.tolist()]

    def _loss(self, lesson: Lesson, rows: Tensor) -> Tensor:
        y = lesson.y[rows]
        before = torch.tril(y[:, None] == y, diagonal=-1).any(dim=1)
        captions = [lesson.captions[i] for i in y[~before].tolist()]
        return image_text_contrast(lesson.images(rows[(~before).cpu()]), lesson.texts(captions), lesson.scale)

    def _end(self, lesson: Lesson) -> None:
        vectors = lesson.encoder.encode_text(lesson.captions)
        self.table_ = ClassTable(lesson.labels, vectors.astype(float))

    @classmethod
    def example_params(cls) -> list[dict]:
        """Labels of one level."""
        return [super().example_params()[0] | {"template": "a photo from {0}", "batch_size": 12}]
