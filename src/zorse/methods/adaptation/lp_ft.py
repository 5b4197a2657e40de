"""LP-FT (ICLR 2022): a linear probe first, and only then fine-tuning from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from zorse.core import Paper
from zorse.templates import HeadTrainer, Lesson
from zorse.training import MiniBatches, Turn, train


class LPFT(HeadTrainer):
    """Train the classifier over frozen features before the image tower moves, so that it need not bend to a bad one.

    Parameters
    ----------
    encoder : str or TrainableEncoder, default="mini"
        A name for ``load_encoder``, or an encoder that has ``duplicate``.
    probe_epochs, probe_lr : int, float, default=50, 1e-2
        Of the classifier alone, by Adam; 0 epochs are plain fine-tuning.
    templates : sequence of str, optional
        Prompts that the classifier starts from; None: random rows, as in the paper.
    epochs, batch_size, lr, weight_decay : int, int, float, float, default=10, 64, 3e-5, 0.0
        Of AdamW, whose rate falls to 0 along a cosine.
    device : str, default="auto"
    random_state : int, RandomState or None
        Of the classifier's start and of shuffling.

    Attributes
    ----------
    encoder_ : TrainableEncoder
    table_ : ClassTable
        The classifier's rows, to be compared with what ``encoder_`` makes of images.
    scale_ : float
    history_ : list of dict
        Of the second stage.

    Notes
    -----
    Both stages minimise the cross-entropy of ``scale cos(f(x), w_c)``; the first moves the w_c alone.

    Differs from the paper: rows of the classifier are directions, without intercepts, and the probe is trained by Adam
    for a fixed number of epochs, not to convergence.

    Cost: one pass of the images, then O(epochs n) passes and back.

    References
    ----------
    Kumar, Raghunathan, Jones, Ma, Liang, Fine-Tuning Can Distort Pretrained Features and Underperform
    Out-of-Distribution, ICLR 2022.
    """

    paper = Paper(
        title="Fine-Tuning Can Distort Pretrained Features and Underperform Out-of-Distribution",
        authors="Ananya Kumar, Aditi Raghunathan, Robbie Jones, Tengyu Ma, Percy Liang",
        venue="ICLR",
        year=2022,
        url="https://arxiv.org/abs/2202.10054",
        aka=("LP-FT", "linear probing then fine-tuning"),
        seed=None,
    )

    def __init__(
        self,
        encoder: Any = "mini",
        probe_epochs: int = 50,
        probe_lr: float = 1e-2,
        templates: Sequence[str] | None = None,
        epochs: int = 10,
        batch_size: int = 64,
        lr: float = 3e-5,
        weight_decay: float = 0.0,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.probe_epochs, self.probe_lr, self.templates = encoder, probe_epochs, probe_lr, templates
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    def _begin(self, lesson: Lesson) -> None:
        with torch.no_grad():
            x = torch.cat([lesson.images(rows) for rows in torch.arange(len(lesson.y)).split(64)])
        if self.templates is None:
            rows = torch.nn.functional.normalize(torch.randn(len(lesson.labels), x.shape[1]), dim=1).to(x)
            lesson.more["head"], lesson.more["named"] = torch.nn.Parameter(rows.clone()), rows
        else:
            super()._begin(lesson)
        head, generator = lesson.more["head"], torch.Generator().manual_seed(0)
        generator.set_state(torch.get_rng_state())

        def loss(batch, clock):
            logits = lesson.scale * batch[0] @ torch.nn.functional.normalize(head, dim=1).T
            return torch.nn.functional.cross_entropy(logits, batch[1])

        turn = Turn("probe", loss, [head], lambda p: torch.optim.Adam(p, lr=self.probe_lr))
        batches = MiniBatches(x, lesson.y, size=self.batch_size, generator=generator)
        train([turn], batches, epochs=self.probe_epochs)
