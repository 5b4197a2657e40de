"""CapS-Adapter (2024): a support set of captions and of images made from them, mixed key by key."""

from __future__ import annotations

from typing import Any

import numpy as np

from zorse.core import ClassTable, Paper
from zorse.nn.vectors import unit_rows
from zorse.templates.support import SupportClassifier, memory_for, prompts_of


class CapSAdapter(SupportClassifier):
    """Training-free adapter whose keys are images mixed with the captions that called for them.

    Parameters
    ----------
    memory : folder, Memory, arrays (m, d) or (vectors, labels), object with ``search``, or None
        Images: each prompt of a class calls for the nearest one. None: the captions stand for their images.
    n_shots : int
        Captions of a class, at most; the first ones, as the prompts are ordered.
    delta : float
        Share of the caption in a key, from 0 (the image alone) to 1.
    alpha, beta : float
        Weight of the affinity by distance, and how fast it falls.
    gamma : float
        Weight of the affinity by divergence.
    temperature : float
        Cosines are divided by it to give the distributions that are compared.
    scale : float
        Inverse temperature of the text logits: the encoder's ``logit_scale``.

    Attributes
    ----------
    texts_, keys_, log_q_, rows_, index_, slope_, shift_
        As in :class:`zorse.templates.support.SupportClassifier`; ``keys_`` (s, d) are the mixtures.
    candidates_ : ClassTable
        Its ``prompts`` are the captions; without them its class vectors are.
    classes_ : ndarray of shape (c,)
    n_features_in_ : int

    Notes
    -----
    A = x ((1 - delta) F_image + delta F_caption)^T in place of TIP-X's x F^T; the rest is TIP-X: logits = scale x W^T +
    alpha exp(-beta (1 - A)) L + gamma phi(-M) L with M the KL divergences between how the sample and the support
    images are classified by the texts.

    Differs from the paper: its images are generated from the captions (CapS); here a caption fetches the nearest image
    of ``memory``. phi's ranges are measured among the examples, not on the test batch. alpha, beta, gamma and delta are
    tuned in the paper; the defaults are the lowest of its grids, and the middle for delta. The released code takes the
    softmax of raw features where the divergence calls for similarities with the classes, and leaves the samples of the
    last incomplete batch without divergences; neither is done.

    Cost: fit O(s m d) for the search of s captions among m images. Predict O(n s (d + c)); memory O(1024 s).

    References
    ----------
    Wang, Liu, Wang, CapS-Adapter: Caption-based MultiModal Adapter in Zero-Shot Classification,
    2024.
    """

    paper = Paper(
        title="CapS-Adapter: Caption-based MultiModal Adapter in Zero-Shot Classification",
        authors="Qijie Wang, Guandu Liu, Bin Wang",
        venue="arXiv",
        year=2024,
        url="https://arxiv.org/abs/2405.16591",
        aka=("CapS-Adapter", "M-Adapter", "CapS"),
        seed=101,
    )

    def __init__(
        self,
        memory: Any = None,
        n_shots: int = 16,
        delta: float = 0.5,
        alpha: float = 0.1,
        beta: float = 1.0,
        gamma: float = 0.1,
        temperature: float = 0.5,
        scale: float = 100.0,
    ):
        self.memory = memory
        self.n_shots = n_shots
        self.delta = delta
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.temperature = temperature
        self.scale = scale

    def _support(self, table: ClassTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        captions, rows = prompts_of(table)
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)  # of each caption among those of its class
        captions, rows = captions[place < self.n_shots], rows[place < self.n_shots]
        memory, images = memory_for(self.memory, table.n_semantics), captions
        self.index_ = np.empty(0, dtype=np.intp)
        if memory is not None:
            self.index_ = memory.search(captions, 1)[0][:, 0]
            images = unit_rows(np.asarray(memory.vectors[self.index_], dtype=np.float64))
        return (1 - self.delta) * images + self.delta * captions, images, rows
