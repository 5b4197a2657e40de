"""X-MoRe (2023): captions retrieved for an image vote beside it, each with the confidence of its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import entr, softmax

from zorse.core import ClassTable, InputError, Paper, Reason, Traits, ZeroShotClassifier
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory, Searchable
from zorse.templates.prompted import table_of_samples
from zorse.templates.support import memory_for, prompts_of, row_named


class XMoRe(ZeroShotClassifier):
    """Zero-shot classification by an image and its retrieved captions, mixed by the entropy of each one's answer.

    Parameters
    ----------
    memory : folder, Memory, vectors (m, d), object with ``search``, or None
        Captions. Where it holds images as well, an image is looked up among those. None: the prompts of all classes.
    k : int
        Rows retrieved by similarity of images.
    n_captions : int
        How many of their distinct captions are kept: those nearest to the image.
    scale : float
        Inverse temperature of the logits: the encoder's ``logit_scale``.

    Attributes
    ----------
    candidates_ : ClassTable
    classes_ : ndarray of shape (c,)
    n_features_in_ : int

    Notes
    -----
    With image logits l = scale x.w, caption logits m_k = scale t_k.w and caption probabilities q = mean_k softmax(m_k),
    each modality's confidence is c(p) = 1 - H(p) / log C, and p = a softmax(l) + (1 - a) q with
    a = c(softmax l) / (c(softmax l) + c(q)): captions that disagree are not confident. Scores are log p, so that
    ``predict_proba`` is p.

    Differs from the paper: the released code normalises the confidences over all samples seen so far, so that answers
    depend on the order of the stream; here over the two modalities of one sample. It answers for no image of which
    fewer than ``k`` captions are found; here those that are found vote. Where the memory has no images, the captions
    are looked up by the image directly; where it has no texts, captions are alike if their vectors are.

    Cost: O(n m d) for an exact search among m rows, O(n (k log k + k d + n_captions d c)) for the rest; fit O(1).

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

    def __init__(self, memory: Any = None, k: int = 128, n_captions: int = 16, scale: float = 100.0):
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
        image = softmax(self.scale * x @ W.T, axis=1)
        captions = (own for own, _ in self._captions(x, memory))
        caption = np.stack([softmax(self.scale * own @ W.T, axis=1).mean(axis=0) for own in captions])
        a = _share(image, caption)[:, None]
        return np.log(np.maximum(a * image + (1 - a) * caption, np.finfo(float).tiny))

    def because(self, x: np.ndarray, best: int, other: int) -> list[Reason] | None:
        """The image and its captions; weights add up to the lead of the probabilities."""
        memory = memory_for(self.memory, self.candidates_.n_semantics)
        if memory is None:
            return None
        x, W = unit_rows(x), unit_rows(self.candidates_.vectors)
        ((own, rows),) = self._captions(x, memory)
        image, captions = (softmax(self.scale * side @ W.T, axis=1) for side in (x, own))
        (a,) = _share(image, captions.mean(axis=0)[None])
        lead = (1 - a) / len(rows) * (captions[:, best] - captions[:, other])
        return [Reason(float(a * (image[0, best] - image[0, other])))] + [
            Reason(float(weight), text=row_named(memory, row)) for weight, row in zip(lead, rows.tolist(), strict=True)
        ]

    def _captions(self, x: np.ndarray, memory: Searchable) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Vectors (k, d) of the captions of each image, distinct ones, and their rows (k,)."""
        vectors, texts = memory.vectors, getattr(memory, "texts", None)
        if isinstance(memory, Memory) and memory.image_vectors is not None and memory.text_vectors is not None:
            vectors, index = memory.text_vectors, memory.search(x, self.k, by="image")[0]
        else:
            index = memory.search(x, self.k)[0]
        for image, rows in zip(x, index, strict=True):
            own = np.asarray(vectors[rows], dtype=np.float64)
            said = own if texts is None else np.array([texts[i] for i in rows.tolist()])
            distinct = np.sort(np.unique(said, axis=0, return_index=True)[1])
            kept = distinct[np.argsort(-(own[distinct] @ image), kind="stable")[: self.n_captions]]
            yield own[kept], rows[kept]


def _share(image: np.ndarray, caption: np.ndarray) -> np.ndarray:
    """Weight (n,) of the image's probabilities (n, c) beside those of its captions."""
    sure = [confidence(p) for p in (image, caption)]
    total = sure[0] + sure[1]
    return np.where(total > 0, sure[0] / np.where(total > 0, total, 1), 0.5)


def confidence(p: np.ndarray) -> np.ndarray:
    """1 - entropy / log c of every row (n, c): 1 where one class has all, 0 where all have the same; 1 of one class."""
    return np.clip(1 - entr(p).sum(axis=1) / np.log(p.shape[1]), 0, 1) if p.shape[1] > 1 else np.ones(len(p))
