"""TIP-X (SuS-X, ICCV 2023): a support set found by class names corrects zero-shot scores by how alike its members are
classified."""

from __future__ import annotations

from typing import Any

import numpy as np

from zorse.core import ClassTable, Paper
from zorse.nn.vectors import unit_rows
from zorse.templates.support import SupportClassifier, examples_in, memory_for, prompts_of


class TipX(SupportClassifier):
    """Training-free, name-only transfer: examples retrieved for each name vote by KL divergence in the space of texts.

    Parameters
    ----------
    memory : folder, Memory, arrays (m, d) or (vectors, labels), object with ``search``, or None
        Where the support set is looked up: the rows nearest to each class's text, or where rows are labelled those of
        the class. None: the class's own prompts are its support.
    n_shots : int
        Examples of a class, at most.
    alpha : float
        Weight of the examples' affinity by distance (Tip-Adapter's term).
    beta : float
        How fast that affinity falls with distance.
    gamma : float
        Weight of the affinity by divergence.
    temperature : float
        Cosines are divided by it to give the distributions that are compared.
    scale : float
        Inverse temperature of the text logits: the encoder's ``logit_scale``.

    Attributes
    ----------
    texts_, keys_, log_q_, rows_, index_, slope_, shift_
        As in :class:`zorse.templates.support.SupportClassifier`; ``keys_`` (s, d) are the examples.
    candidates_ : ClassTable
    classes_ : ndarray of shape (c,)
    n_features_in_ : int

    Notes
    -----
    Image-image distances within CLIP's space are badly calibrated, so images are compared by how they stand to the
    class texts: p = softmax(x W^T / T), q_j the same of example j, M = KL(p || q_j). logits = scale x W^T + alpha
    exp(-beta (1 - x F^T)) L + gamma phi(-M) L with the examples F, their one-hot labels L, and phi, which rescales to
    the range of x F^T.

    Differs from the paper: phi's ranges are measured among the examples (up to 1,000 of them, off the diagonal), not on
    the batch of test samples, so that a sample's scores do not depend on the others. The paper tunes alpha, beta and
    gamma on validation images; the defaults are the lowest of its grids. The released code leaves the affinities of
    the last n mod 100 samples at 0 and scales those of the test set by the validation set's range; neither is done.
    Generating a support set (SuS-SD) is not here; a folder of generated images becomes a memory.

    Cost: fit O(s d c) after the search, for s examples in all. Predict O(n (s d + s c)), matrix products throughout;
    memory O(1024 s).

    References
    ----------
    Udandarao, Gupta, Albanie, SuS-X: Training-Free Name-Only Transfer of Vision-Language Models, ICCV 2023.
    """

    paper = Paper(
        title="SuS-X: Training-Free Name-Only Transfer of Vision-Language Models",
        authors="Vishaal Udandarao, Ankush Gupta, Samuel Albanie",
        venue="ICCV",
        year=2023,
        url="https://arxiv.org/abs/2211.16198",
        aka=("SuS-X", "TIP-X", "SuS-X-LC"),
        seed=89,
    )

    def __init__(
        self,
        memory: Any = None,
        n_shots: int = 16,
        alpha: float = 0.1,
        beta: float = 1.0,
        gamma: float = 0.1,
        temperature: float = 0.5,
        scale: float = 100.0,
    ):
        self.memory = memory
        self.n_shots = n_shots
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.temperature = temperature
        self.scale = scale

    def _support(self, table: ClassTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        memory = memory_for(self.memory, table.n_semantics)
        if memory is None:
            examples, rows = prompts_of(table)
            self.index_ = np.empty(0, dtype=np.intp)
        else:
            self.index_, rows = examples_in(memory, table, self.n_shots)
            examples = unit_rows(np.asarray(memory.vectors[self.index_], dtype=np.float64))
        return examples, examples, rows
