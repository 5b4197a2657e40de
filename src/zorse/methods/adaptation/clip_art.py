"""CLIP-Art (CVPRW 2021): contrastive pretraining on works of art, whose captions are made of their attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from zorse.core import Paper
from zorse.nn.contrast import image_text_contrast
from zorse.templates import EncoderTrainer, Lesson


class CLIPArt(EncoderTrainer):
    """Fine-tune both towers on images and captions put together from annotated attributes.

    Parameters
    ----------
    encoder : str or TrainableEncoder, default="mini"
        A name for ``load_encoder``, or an encoder that has ``duplicate``.
    epochs, batch_size, lr, weight_decay : int, int, float, float, default=10, 64, 1e-5, 0.01
        Of AdamW, whose rate falls to 0 along a cosine.
    frozen : sequence of str, default=()
        Patterns of weights that stay, such as ``"text.*"``.
    parts : int, default=1
        Parts that a batch is taken in; images are compared with the captions of their part.
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
    :meth:`captions` turns records of attributes into sentences, one a template whose fields the record has; every
    time an image is drawn, so is one of its sentences. The loss is CLIP's: cross-entropy of the right caption among
    those of the batch, and of the right image. Works are then found and told apart by cosines.

    Differs from the paper: the second stage, a supervised classifier on the image tower, is any method of this library
    fitted on ``encoder_``; the temperature is fixed.

    Cost: O(epochs n) passes of images and captions, and back.

    References
    ----------
    Conde, Turgutlu, CLIP-Art: Contrastive Pre-training for Fine-Grained Art Classification, CVPR Workshops 2021.
    """

    paper = Paper(
        title="CLIP-Art: Contrastive Pre-training for Fine-Grained Art Classification",
        authors="Marcos V. Conde, Kerem Turgutlu",
        venue="CVPR Workshops",
        year=2021,
        url="https://arxiv.org/abs/2204.14244",
        aka=("CLIP-Art", "captions from attributes"),
        seed=71,
    )

    def __init__(
        self,
        encoder: Any = "mini",
        epochs: int = 10,
        batch_size: int = 64,
        lr: float = 1e-5,
        weight_decay: float = 0.01,
        frozen: Sequence[str] = (),
        parts: int = 1,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.epochs, self.batch_size = encoder, epochs, batch_size
        self.lr, self.weight_decay, self.frozen, self.parts = lr, weight_decay, frozen, parts
        self.device, self.random_state = device, random_state

    @staticmethod
    def captions(records: Iterable[Mapping[str, Any]], templates: Sequence[str]) -> list[list[str]]:
        """Sentences about each record: every template all of whose ``{fields}`` it has, several values joined by "and".

        A record that fits no template gets its values, one after the other.
        """
        out = []
        for record in records:
            told = {k: v if isinstance(v, str) else " and ".join(v) for k, v in record.items() if v}
            fits = []
            for template in templates:
                try:
                    fits.append(template.format(**told))
                except KeyError:
                    continue
            out.append(fits or [", ".join(told.values())])
        return out

    def _loss(self, lesson: Lesson, rows: Tensor) -> Tensor:
        return image_text_contrast(lesson.images(rows), lesson.texts(lesson.drawn(rows)), lesson.scale)
