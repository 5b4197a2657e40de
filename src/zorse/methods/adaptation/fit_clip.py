"""FitCLIP (BMVC 2022): a student of itself, with a few captions, averaged with its teacher."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from zorse.core import Paper
from zorse.nn.contrast import image_text_contrast
from zorse.templates import EncoderTrainer, Lesson


class FitCLIP(EncoderTrainer):
    """Learn from few captioned images and from what the frozen model makes of the others, then average both models.

    Parameters
    ----------
    encoder : str or TrainableEncoder, default="mini"
        The teacher, and what the student starts from.
    share : float, default=0.69
        Of the captioned images in the loss; what the released 0.9999 amounts to beside a squared logit scale.
    temperature : float, default=1.0
        Of teacher's and student's scores where images have no caption; multiplies 1 / ``logit_scale``.
    ensemble : float, default=0.4
        Share of the student's weights in the answer (WiSE-FT).
    epochs, batch_size, lr, weight_decay : int, int, float, float, default=1, 64, 3e-6, 1e-2
        Of AdamW, whose rate falls to 0 along a cosine.
    device : str, default="auto"
    random_state : int, RandomState or None
        Of shuffling and of the captions drawn.

    Attributes
    ----------
    encoder_ : TrainableEncoder
    scale_ : float
    history_ : list of dict

    Notes
    -----
    ``texts`` holds a caption, or several, for each image, and nothing (None or an empty list) for an image without one.
    Of a batch the captioned images are contrasted with their captions; for the others, as many captions are drawn among
    all known ones, and the student's softmax over them, and over the images for each caption, is brought to the
    teacher's by cross-entropy, times the squared temperature. Weights are (1 - ensemble) teacher + ensemble student.

    Differs from the paper: images, not clips of video; the pool of texts is the known captions, not the noisy captions
    of a large set; captioned images come as drawn, not as half of every batch. The released code multiplies the
    second loss by the squared logit scale, (1 / 0.015)^2, in place of the temperature's; the share makes up for it.

    Cost: O(epochs n) passes of images and texts, and back; the teacher's pass once more.

    References
    ----------
    Castro, Caba Heilbron, FitCLIP: Refining Large-Scale Pretrained Image-Text Models for Zero-Shot Video Understanding
    Tasks, BMVC 2022.
    """

    paper = Paper(
        title="FitCLIP: Refining Large-Scale Pretrained Image-Text Models for Zero-Shot Video Understanding Tasks",
        authors="Santiago Castro, Fabian Caba Heilbron",
        venue="BMVC",
        year=2022,
        url="https://arxiv.org/abs/2203.13371",
        aka=("FitCLIP", "teacher-student refinement"),
        seed=34,
    )
    some_captions: ClassVar[bool] = True

    def __init__(
        self,
        encoder: Any = "mini",
        share: float = 0.69,
        temperature: float = 1.0,
        ensemble: float = 0.4,
        epochs: int = 1,
        batch_size: int = 64,
        lr: float = 3e-6,
        weight_decay: float = 1e-2,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.share, self.temperature, self.ensemble = encoder, share, temperature, ensemble
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    def _loss(self, lesson: Lesson, rows: Tensor) -> Tensor:
        told = torch.tensor([len(lesson.of_image[row]) > 0 for row in rows.tolist()])
        known, others = rows[told], rows[~told]
        loss = torch.zeros((), device=lesson.y.device)
        if len(known):
            pair = lesson.images(known), lesson.texts(lesson.drawn(known))
            loss = loss + self.share * image_text_contrast(*pair, lesson.scale)
        if len(others):
            pool = [lesson.captions[i] for i in torch.randint(len(lesson.captions), (len(others),)).tolist()]
            student = lesson.images(others) @ lesson.texts(pool).T
            with torch.no_grad():
                teacher = lesson.start.pixel_vectors(lesson.pixels(others)) @ lesson.start.text_vectors(pool).T
            scale = lesson.scale / self.temperature
            loss = loss + (1 - self.share) * distilled(scale * student, scale * teacher) * self.temperature**2
        return loss

    @classmethod
    def example_texts(cls, y):
        """Every other picture has a caption."""
        return [f"a {name} square" if i % 2 else None for i, name in enumerate(y.tolist())]


def distilled(student: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy of the student's softmax under the teacher's, by rows and by columns of logits (b, t), averaged."""
    rows = -(teacher.softmax(dim=1) * student.log_softmax(dim=1)).sum(dim=1).mean()
    columns = -(teacher.softmax(dim=0) * student.log_softmax(dim=0)).sum(dim=0).mean()
    return (rows + columns) / 2
