"""WCA (ICML 2024): crops of a picture against descriptions of a class, each weighted by how well it stands for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable, InputError, Paper, Reason, Traits
from zorse.nn.vectors import unit_rows
from zorse.templates import PromptedClassifier

if TYPE_CHECKING:
    from zorse.encoders.protocols import TextEncoder
    from zorse.encoders.store import EmbeddingStore


class WCA(PromptedClassifier):
    """Weighted visual-text cross alignment: sum the cosines of all crops with all descriptions, weighted on both sides.

    Parameters
    ----------
    n_crops : int, default=60
        Crops that :meth:`boxes` asks for beside the whole image.
    smallest, largest : float, default=0.5, 0.9
        Side of a square crop, as a share of the image's shorter side, is drawn between them.
    image_scale : float, default=54.598
        Cosines of crops with the whole image are multiplied by it before their softmax; the paper's e^4.
    text_scale : float, default=7.389
        The same for descriptions and the class's own prompt; e^2.
    whole : {"first", "mean"}
        What stands for the whole image: the first crop, or the mean of all, for grids of patches.
    unit : bool, default=False
        Make the weighted sums unit on either side, as the released code does.
    scale : float
        Inverse temperature of ``predict_proba``; the encoder's ``logit_scale``. It never moves the ranking.
    random_state : int, default=0
        Draws the crops, which lie at the same places of every image.

    Attributes
    ----------
    texts_ : ndarray of shape (c, d)
        Weighted sum of the unit descriptions of each candidate.
    candidates_ : ClassTable
        Its ``vectors`` are those of a plain template, its ``prompts`` hold the descriptions of a class.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    s(x, c) = sum_i sum_j w_i v_cj cos(crop_i, description_cj), w = softmax_i(``image_scale`` cos(crop_i, image)),
    v_c = softmax_j(``text_scale`` cos(description_cj, "a photo of a c.")). The double sum is the product of one vector
    an image with one a class. X holds crops as a grid (n, 1, m, d), or any grid of patches. ``zorse classify`` cuts
    the crops that :meth:`boxes` names and keeps their embeddings in the store.

    Differs from the paper: crops are the same for all images of a size. The released code draws crops as small as 0.1
    of a side, where the paper's setting is 0.5; ``smallest=0.1`` does so.

    Cost: fit O(p d) for p descriptions in all. Predict O(n (m + c) d) for m crops, whose encoding is what takes time.

    References
    ----------
    Li et al., Visual-Text Cross Alignment: Refining the Similarity Score in Vision-Language Models, ICML 2024.
    """

    paper = Paper(
        title="Visual-Text Cross Alignment: Refining the Similarity Score in Vision-Language Models",
        authors="Jinhao Li, Haopeng Li, Sarah Erfani, Lei Feng, James Bailey, Feng Liu",
        venue="ICML",
        year=2024,
        url="https://arxiv.org/abs/2406.02915",
        aka=("WCA", "weighted visual-text cross alignment"),
        seed=42,
    )
    traits = Traits(takes="patches", trained=False, aligned_space=True)
    texts_: np.ndarray

    def __init__(
        self,
        n_crops: int = 60,
        smallest: float = 0.5,
        largest: float = 0.9,
        image_scale: float = 54.598,
        text_scale: float = 7.389,
        whole: str = "first",
        unit: bool = False,
        scale: float = 100.0,
        random_state: int = 0,
    ):
        self.n_crops = n_crops
        self.smallest = smallest
        self.largest = largest
        self.image_scale = image_scale
        self.text_scale = text_scale
        self.whole = whole
        self.unit = unit
        self.scale = scale
        self.random_state = random_state

    @classmethod
    def example_params(cls) -> list[dict]:
        """Patches, of which none is the whole image and most are background."""
        return [{"whole": "mean", "image_scale": 1.0, "scale": 30.0}]

    def boxes(self, width: int, height: int) -> np.ndarray:
        """Crops of an image of that size, as (left, top, right, bottom) in pixels, shape (1, 1 + ``n_crops``, 4)."""
        rng = np.random.default_rng(self.random_state)
        side = np.maximum(1, rng.uniform(self.smallest, self.largest, self.n_crops) * min(width, height)).round()
        left, top = (rng.random((2, self.n_crops)) * [(width - side), (height - side)]).round()
        crops = np.stack([left, top, left + side, top + side], axis=1)
        return np.concatenate([[[0, 0, width, height]], crops]).astype(int)[None]

    def describe(
        self, labels, encoder: TextEncoder, *, templates=None, descriptions=None, store: EmbeddingStore | None = None
    ) -> ClassTable:
        """The class table of some names: descriptions weighted by one plain prompt, which ``templates`` may replace."""
        from dataclasses import replace

        from zorse.semantics import class_table

        plain = class_table(labels, encoder, templates=templates, store=store)
        said = templates if descriptions is not None or templates is not None else self.default_templates
        told = class_table(
            labels,
            encoder,
            templates=None if descriptions is not None else said,
            descriptions=descriptions,
            store=store,
        )
        return replace(plain, prompts=told.prompts)

    def _prepare(self, table: ClassTable) -> None:
        if self.whole not in ("first", "mean"):
            raise InputError(f"whole is first or mean; got {self.whole!r}")
        sums = []
        for label, texts in zip(unit_rows(table.vectors), self._prompts(table), strict=True):
            texts = unit_rows(texts)
            sums.append(softmax(self.text_scale * texts @ label) @ texts)
        self.texts_ = unit_rows(np.stack(sums)) if self.unit else np.stack(sums)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * self._images(X) @ self.texts_.T

    def _images(self, X: np.ndarray) -> np.ndarray:
        images = np.einsum("nm,nmd->nd", *self._weighted(X))
        return unit_rows(images) if self.unit else images

    def _weighted(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (n, m) of the crops of each image, and their unit embeddings (n, m, d)."""
        crops = unit_rows(X.reshape(len(X), -1, X.shape[-1]).astype(np.float64))
        whole = crops[:, 0] if self.whole == "first" else unit_rows(crops.mean(axis=1))
        return softmax(self.image_scale * np.einsum("nmd,nd->nm", crops, whole), axis=1), crops

    def because(self, x: np.ndarray, best: int, other: int) -> list[Reason]:
        """The crops, whose weights add up to the lead of the cosines, and so do those of the descriptions."""
        (w,), (crops,) = self._weighted(x)
        (image,) = self._images(x)
        looked = w * (crops @ (self.texts_[best] - self.texts_[other]))
        texts = unit_rows(self._prompts(self.candidates_)[best])
        v = softmax(self.text_scale * texts @ unit_rows(self.candidates_.vectors[[best]])[0])
        if self.unit:
            looked /= np.linalg.norm(w @ crops)
        length = np.linalg.norm(v @ texts) if self.unit else 1.0
        told = v * (texts @ image / length - self.texts_[other] @ image)
        places = np.ndindex(*x.shape[1:3])
        return [Reason(float(lead), crop=(i, j)) for lead, (i, j) in zip(looked, places, strict=True)] + [
            Reason(float(lead), prompt=j) for j, lead in enumerate(told)
        ]
