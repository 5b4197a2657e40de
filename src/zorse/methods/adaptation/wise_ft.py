"""WiSE-FT (CVPR 2022): fine-tune, then go part of the way back, in the space of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zorse.core import Paper
from zorse.templates import HeadTrainer


class WiSEFT(HeadTrainer):
    """Fine-tune the image tower and a classifier made of class names, and average their weights with where they began.

    Parameters
    ----------
    encoder : str or TrainableEncoder, default="mini"
        A name for ``load_encoder``, or an encoder that has ``duplicate``.
    ensemble : float, default=0.5
        Share of the fine-tuned weights; 0 gives the encoder back, 1 plain fine-tuning.
    templates : sequence of str, default=("a photo of a {}",)
        Prompts that the classifier starts from.
    epochs, batch_size, lr, weight_decay : int, int, float, float, default=10, 512, 3e-5, 0.1
        Of AdamW, whose rate rises over the first ``warmup`` of all steps and falls to 0 along a cosine.
    warmup : float, default=0.1
    most : float, optional, default=1.0
        Longest gradient; a longer one is shortened to it, as in the authors' code.
    ema : float, optional
        Decay of a moving average of the weights that stands for the fine-tuned ones.
    rates : dict of str to float, optional
        Factors of the rate for weights by name: ``{"more.head": 10, "image.stem*": 0.1}``.
    parts : int, default=1
        Parts that a batch is taken in, so that memory is that of one part; the gradient is the same.
    amp : bool, default=False
        True: in bfloat16 where torch holds it safe.
    device : str, default="auto"
    random_state : int, RandomState or None
        Of shuffling.

    Attributes
    ----------
    encoder_ : TrainableEncoder
    table_ : ClassTable
        The classifier's rows, to be compared with what ``encoder_`` makes of images.
    scale_ : float
    history_ : list of dict

    Notes
    -----
    theta = (1 - ensemble) theta_0 + ensemble theta_1, for the image tower and the classifier alike, where theta_1 has
    been trained by cross-entropy of ``scale cos(f(x), w_c)`` from theta_0 and w_c = T(name of c).

    Differs from the paper: rows of the classifier are directions, of unit length when they are used; images are not
    augmented; ``ema``, ``rates``, ``parts`` and ``amp`` are additions.

    Cost: O(epochs n) passes of images through the tower and back; predicting costs what it did.

    References
    ----------
    Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, CVPR 2022.
    """

    paper = Paper(
        title="Robust Fine-Tuning of Zero-Shot Models",
        authors="Mitchell Wortsman, Gabriel Ilharco, Jong Wook Kim, Mike Li, Simon Kornblith, Rebecca Roelofs, "
        "Raphael Gontijo-Lopes, Hannaneh Hajishirzi, Ali Farhadi, Hongseok Namkoong, Ludwig Schmidt",
        venue="CVPR",
        year=2022,
        url="https://arxiv.org/abs/2109.01903",
        aka=("WiSE-FT", "weight-space ensembling"),
        seed=None,
    )

    def __init__(
        self,
        encoder: Any = "mini",
        ensemble: float = 0.5,
        templates: Sequence[str] = ("a photo of a {}",),
        epochs: int = 10,
        batch_size: int = 512,
        lr: float = 3e-5,
        weight_decay: float = 0.1,
        warmup: float = 0.1,
        most: float | None = 1.0,
        ema: float | None = None,
        rates: dict[str, float] | None = None,
        parts: int = 1,
        amp: bool = False,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.ensemble, self.templates = encoder, ensemble, templates
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.warmup, self.most, self.ema, self.rates = warmup, most, ema, rates
        self.parts, self.amp = parts, amp
        self.device, self.random_state = device, random_state
