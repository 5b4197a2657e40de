"""CaSED (NeurIPS 2023): without any labels, an image is named by a word of the captions nearest to it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from scipy.special import exprel, softmax

from zorse.core import CapabilityError, ClassTable, InputError, Paper, Reason, Traits, ZeroShotClassifier
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory
from zorse.semantics.words import candidate_words
from zorse.templates.prompted import table_of_samples
from zorse.templates.support import memory_for, prompts_of, row_named


class CaSED(ZeroShotClassifier):
    """Vocabulary-free image classification: candidates come from retrieved captions, scored by image and captions.

    Parameters
    ----------
    memory : folder, Memory, vectors (m, d), object with ``search``, or None
        Captions. None: the prompts of the candidate classes, where there are candidates.
    k : int
        Captions retrieved for an image.
    alpha : float
        Share of the image in the mixture, from 0 (the captions alone) to 1.
    scale : float
        What cosines are multiplied by before the softmax: the paper's, a seventh of CLIP's ``logit_scale``.
    at_least : int
        Retrieved captions that a word must occur in to be a candidate.
    template : str
        How a word is put to the text tower, ``{}`` standing for it.

    Attributes
    ----------
    candidates_ : ClassTable
    classes_ : ndarray of shape (c,)
    n_features_in_ : int

    Notes
    -----
    The k captions nearest to an image give the words that are its candidates and t, the unit mean of their embeddings.
    p = alpha softmax(scale x.w) + (1 - alpha) softmax(scale t.w) over the candidates w. :meth:`name` does the whole of
    it, with no label given; it needs an encoder of texts. As a classifier the candidates are those of the class table,
    and scores are log p.

    Differs from the paper: words are kept by a list of what carries grammar or speaks of pictures, and by ``known``,
    where the paper tags parts of speech after counting; a word counts once a caption, where the released code counts
    every time it is said; the memory is the user's, where the paper's is PMD.

    Cost: O(n m d) for an exact search; naming costs the text tower once for each distinct word, and O(n v d) for v
    candidates of an image.

    References
    ----------
    Conti, Fini, Mancini, Rota, Wang, Ricci, Vocabulary-free Image Classification, NeurIPS 2023.
    """

    paper = Paper(
        title="Vocabulary-free Image Classification",
        authors="Alessandro Conti, Enrico Fini, Massimiliano Mancini, Paolo Rota, Yiming Wang, Elisa Ricci",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2306.00917",
        aka=("CaSED", "VIC", "vocabulary-free classification"),
        seed=46,
    )
    traits = Traits(trained=False, aligned_space=True, open_candidates=False)

    def __init__(
        self,
        memory: Any = None,
        k: int = 10,
        alpha: float = 0.7,
        scale: float = 1 / 0.07,
        at_least: int = 2,
        template: str = "{}",
    ):
        self.memory = memory
        self.k = k
        self.alpha = alpha
        self.scale = scale
        self.at_least = at_least
        self.template = template

    def _table_of(self, X: np.ndarray, y: np.ndarray) -> ClassTable:
        return table_of_samples(super()._table_of(X, y), X, y)

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        pass

    def _prepare(self, table: ClassTable) -> None:
        memory_for(self.memory, table.n_semantics)
        if table.n_classes == 0:
            raise InputError("CaSED needs at least one candidate class; name() works without any")

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        memory = memory_for(self.memory, table.n_semantics) or Memory(prompts_of(table)[0])
        x = unit_rows(X)
        t = self._captions(x, memory)[1]
        mixed = self._mixed(x, t, unit_rows(table.vectors))
        return np.log(np.maximum(mixed, np.finfo(float).tiny))

    def name(
        self,
        X: np.ndarray,
        encoder: Any,
        known: Collection[str] | None = None,
        cache: dict[str, np.ndarray] | None = None,
    ) -> list[list[tuple[str, float]]]:
        """Names of images and their probabilities, best first, without any labels; no fitting is needed.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Image embeddings.
        encoder : TextEncoder
            What made the memory.
        known : collection of str, optional
            Words that may be names, such as WordNet's nouns.
        cache : dict of str to ndarray, optional
            Vectors of words; filled, so that a later call encodes only new ones.

        Returns
        -------
        list of n lists of (str, float)
            All candidates of an image.

        Raises
        ------
        CapabilityError
            If there is no memory of captions.
        InputError
            If another encoder made it.
        """
        x = unit_rows(np.asarray(X, dtype=np.float64))
        memory = memory_for(self.memory, x.shape[1])
        texts = getattr(memory, "texts", None)
        if memory is None or texts is None:
            raise CapabilityError("naming without labels needs a memory of captions; zorse memory build makes one")
        if isinstance(memory, Memory):
            memory.check(encoder)
        index, t = self._captions(x, memory)
        words = [candidate_words((texts[i] for i in own), self.at_least, known) for own in index.tolist()]
        vectors = {} if cache is None else cache
        if new := list(dict.fromkeys(word for own in words for word in own if word not in vectors)):
            told = encoder.encode_text([self.template.replace("{}", word) for word in new])
            vectors.update(zip(new, unit_rows(np.asarray(told, dtype=np.float64)), strict=True))
        named = []
        for i, own in enumerate(words):
            p = self._mixed(x[i : i + 1], t[i : i + 1], np.stack([vectors[word] for word in own]))[0]
            named.append([(own[j], float(p[j])) for j in np.argsort(-p, kind="stable")])
        return named

    def because(self, x: np.ndarray, best: int, other: int) -> list[Reason] | None:
        """The image and its captions; weights add up to the lead of the probabilities.

        What the captions add together is shared out by how far each one's vector moves their mean to the answer.
        """
        memory = memory_for(self.memory, self.candidates_.n_semantics)
        if memory is None:
            return None
        x, W = unit_rows(x), unit_rows(self.candidates_.vectors)
        (index,), t = self._captions(x, memory)
        image, caption = (softmax(self.scale * rows @ W.T, axis=1)[0] for rows in (x, t))
        texts = _texts(memory)[index].astype(np.float64)
        towards = self.scale * texts @ (W[best] - W[other]) / np.linalg.norm(texts.sum(axis=0))
        # p_best - p_other = p_other (exp(l) - 1) for a lead l of the logits, which the captions' vectors add up to.
        lead = (1 - self.alpha) * caption[other] * exprel(towards.sum()) * towards
        return [Reason(float(self.alpha * (image[best] - image[other])))] + [
            Reason(float(weight), text=row_named(memory, row)) for weight, row in zip(lead, index.tolist(), strict=True)
        ]

    def _captions(self, x: np.ndarray, memory: Any) -> tuple[np.ndarray, np.ndarray]:
        """The captions (n, k) nearest to each image, and their unit mean (n, d)."""
        texts = _texts(memory)
        index, _ = memory.search(x, self.k)
        means = np.empty_like(x)
        for start in range(0, len(x), 1024):
            means[start : start + 1024] = np.asarray(texts[index[start : start + 1024]], dtype=np.float64).mean(axis=1)
        return index, unit_rows(means)

    def _mixed(self, x: np.ndarray, t: np.ndarray, W: np.ndarray) -> np.ndarray:
        image, caption = (softmax(self.scale * rows @ W.T, axis=1) for rows in (x, t))
        return self.alpha * image + (1 - self.alpha) * caption


def _texts(memory: Any) -> np.ndarray:
    """Vectors (m, d) of a memory's captions, else what it has."""
    return memory.text_vectors if isinstance(memory, Memory) and memory.text_vectors is not None else memory.vectors
