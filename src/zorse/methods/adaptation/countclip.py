"""CountCLIP (ReScience 2024): the right number must fit an image better than a wrong one in the same caption."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from zorse.core import InputError, Paper
from zorse.nn.contrast import image_text_contrast
from zorse.templates import EncoderTrainer, Lesson

NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER = re.compile(rf"\b({'|'.join(NUMBERS)})\b", re.IGNORECASE)


class CountCLIP(EncoderTrainer):
    """Fine-tune with captions, some of which count, against the same captions with another number.

    Parameters
    ----------
    encoder : str or TrainableEncoder, default="mini"
        A name for ``load_encoder``, or an encoder that has ``duplicate``.
    weight : float, default=1.0
        Of the counting loss beside CLIP's.
    epochs, batch_size, lr, weight_decay : int, int, float, float, default=10, 32, 5e-6, 0.01
        Of AdamW, whose rate falls to 0 along a cosine.
    device : str, default="auto"
    random_state : int, RandomState or None
        Of shuffling and of the wrong numbers.

    Attributes
    ----------
    encoder_ : TrainableEncoder
    scale_ : float
    history_ : list of dict

    Notes
    -----
    CLIP's contrastive loss over all pairs, plus ``weight`` times, over images whose caption has a number word from two
    to ten, -log(e^{s i.t} / (e^{s i.t} + e^{s i.t'})), where t' is the caption with another number, drawn anew at each
    step, and s the encoder's scale.

    Differs from the paper: vectors have unit length and are scaled in the counting loss too; the released code
    multiplies raw vectors element by element, which cannot run.

    Cost: O(epochs n) passes of images and twice as many of captions, and back.

    References
    ----------
    Mestha, Agrawal, Bania, V, Bhisikar, [Re] Teaching CLIP to Count to Ten, ReScience C, 2024.
    """

    paper = Paper(
        title="CountCLIP -- [Re] Teaching CLIP to Count to Ten",
        authors="Harshvardhan Mestha, Tejas Agrawal, Karan Bania, Shreyas V, Yash Bhisikar",
        venue="ReScience C",
        year=2024,
        url="https://arxiv.org/abs/2406.03586",
        aka=("CountCLIP", "counting-contrastive fine-tuning"),
        seed=141,
    )

    def __init__(
        self,
        encoder: Any = "mini",
        weight: float = 1.0,
        epochs: int = 10,
        batch_size: int = 32,
        lr: float = 5e-6,
        weight_decay: float = 0.01,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.weight = encoder, weight
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    def _begin(self, lesson: Lesson) -> None:
        if self.weight and not any(_NUMBER.search(caption) for caption in lesson.captions):
            raise InputError(
                f"CountCLIP learns from captions that count, and none of {len(lesson.captions)}, such as "
                f"{lesson.captions[0]!r}, has a number from two to ten"
            )

    def _loss(self, lesson: Lesson, rows: Tensor) -> Tensor:
        captions = lesson.drawn(rows)
        wrong = [miscounted(caption) for caption in captions]
        counts = [i for i, text in enumerate(wrong) if text is not None]
        x, t = lesson.images(rows), lesson.texts([*captions, *(text for text in wrong if text is not None)])
        loss = image_text_contrast(x, t[: len(rows)], lesson.scale)
        if counts and self.weight:
            loss = loss + self.weight * counting(x[counts], t[counts], t[len(rows) :], lesson.scale)
        return loss

    @classmethod
    def example_texts(cls, y):
        """Some captions count."""
        return [f"{NUMBERS[i % 4]} {name} things" if i % 2 else f"a {name} thing" for i, name in enumerate(y.tolist())]


def miscounted(caption: str) -> str | None:
    """The caption with another number, drawn from torch's generator; None where it has none."""
    found = _NUMBER.search(caption)
    if found is None:
        return None
    others = [number for number in NUMBERS if number != found[0].lower()]
    drawn = others[int(torch.randint(len(others), ()))]
    return caption[: found.start()] + drawn + caption[found.end() :]


def counting(images: Tensor, right: Tensor, wrong: Tensor, scale: float) -> Tensor:
    """-log of the right caption's share beside the wrong one's, for unit rows (b, d), averaged."""
    return torch.nn.functional.softplus(scale * (images * (wrong - right)).sum(dim=1)).mean()
