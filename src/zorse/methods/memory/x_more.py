"""X-MoRe (2023): captions retrieved for an image vote beside it, each with the confidence of its answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory, Searchable
from zorse.templates.prompted import table_of_samples
from zorse.templates.support import memory_for, prompts_of


class XMoRe(ZeroShotClassifier):
    """Zero-shot classification by an image and its retrieved captions, mixed by the entropy of each one's answer.

    Parameters
    ----------
    memory : folder, Memory, vectors (m, d), object with ``search``, or None
        Captions. Where it holds images as well, an image is looked up among those. None: the prompts of all classes.
    k : int
        Rows retrieved by similarity of images.
    n_captions : int
        How many of their captions are kept: those nearest to the image.
    scale : float
        Inverse temperature of the logits: the encoder's ``logit_scale``.

    Attributes
    ----------
    candidates_ : ClassTable
    classes_ : ndarray of shape (c,)
    n_features_in_ : int

    Notes
    -----
    With image logits l = scale x.w and caption logits m = scale mean_k(t_k).w, each modality's confidence is
    c(l) = 1 - H(softmax l) / log C, and p = a softmax(l) + (1 - a) softmax(m) with a = c(l) / (c(l) + c(m)). Scores are
    log p, so that ``predict_proba`` is p.

    Differs from the paper: the released code normalises the confidences over all samples seen so far, so that answers
    depend on the order of the stream; here over the two modalities of one sample. Where the memory has no images, the
    captions are looked up by the image directly.

    Cost: O(n m d) for an exact search among m rows, O(n (k d + d c)) for the rest; fit O(1).

    References
    ----------
    Eom, Ho, Oh, Yun, Cross-Modal Retrieval Meets Inference: Improving Zero-Shot Classification with Cross-Modal
    Retrieval, 2023.
    """

    paper = Paper(
        title="Cross-Modal Retrieval Meets Inference: Improving Zero-Shot Classification with Cross-Modal Retrieval",
        authors="Seongha Eom, Namgyu Ho, Jaehoon Oh, Se-Young Yun",
        venue="arXiv",
        year=2023,
        url="https://arxiv.org/abs/2308.15273",
        aka=("X-MoRe", "XMoRe"),
        seed=64,
    )
    traits = Traits(trained=False, aligned_space=True, open_candidates=False)

    def __init__(self, memory: Any = None, k: int = 32, n_captions: int = 16, scale: float = 100.0):
        self.memory = memory
        self.k = k
        self.n_captions = n_captions
        self.scale = scale

    def _table_of(self, X: np.ndarray, y: np.ndarray) -> ClassTable:
        return table_of_samples(super()._table_of(X, y), X, y)

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        pass

    def _prepare(self, table: ClassTable) -> None:
        memory_for(self.memory, table.n_semantics)  # what is wrong with it is told before an image is read
        if table.n_classes == 0:
            raise InputError("XMoRe needs at least one candidate class; got none")

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        x, W = unit_rows(X), unit_rows(table.vectors)
        memory = memory_for(self.memory, table.n_semantics) or Memory(prompts_of(table)[0])
        image = log_softmax(self.scale * x @ W.T, axis=1)
        caption = log_softmax(self.scale * self._captions(x, memory) @ W.T, axis=1)
        sure = [confidence(log_p) for log_p in (image, caption)]
        total = sure[0] + sure[1]
        a = np.where(total > 0, sure[0] / np.where(total > 0, total, 1), 0.5)[:, None]
        mixed = a * np.exp(image) + (1 - a) * np.exp(caption)
        return np.log(np.maximum(mixed, np.finfo(float).tiny))

    def _captions(self, x: np.ndarray, memory: Searchable) -> np.ndarray:
        """Mean vector (n, d) of each image's captions."""
        pictured = isinstance(memory, Memory) and memory.image_vectors is not None and memory.text_vectors is not None
        if not pictured:
            index, _ = memory.search(x, self.n_captions)
            return mean_rows(memory.vectors, index)
        assert isinstance(memory, Memory)
        index, _ = memory.search(x, self.k, by="image")
        texts = memory.text_vectors
        assert texts is not None
        best = np.empty((len(x), min(self.n_captions, index.shape[1])), dtype=np.int64)
        for i, own in enumerate(index):
            best[i] = own[np.argsort(-(texts[own] @ x[i]), kind="stable")[: best.shape[1]]]
        return mean_rows(texts, best)


def confidence(log_p: np.ndarray) -> np.ndarray:
    """1 - entropy / log c of every row (n, c): 1 where one class has all, 0 where all have the same; 1 of one class."""
    entropy = -(np.exp(log_p) * log_p).sum(axis=1)
    return np.clip(1 - entropy / np.log(log_p.shape[1]), 0, 1) if log_p.shape[1] > 1 else np.ones(len(log_p))


def mean_rows(vectors: np.ndarray, index: np.ndarray, block: int = 1024) -> np.ndarray:
    """Mean (n, d) of the rows ``index`` (n, k) of ``vectors``."""
    parts = [
        np.asarray(vectors[index[start : start + block]], dtype=np.float64).mean(axis=1)
        for start in range(0, len(index), block)
    ]
    return np.concatenate(parts) if parts else np.empty((0, vectors.shape[1]))
