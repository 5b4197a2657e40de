"""CALIP (AAAI 2023): patches and class texts look at each other, with attention that has no parameters."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable, Paper, Traits, ZeroShotClassifier
from zorse.core.samples import read_samples
from zorse.nn.vectors import unit_rows


class CALIP(ZeroShotClassifier):
    """Parameter-free attention between patches and texts, added to the zero-shot scores.

    Parameters
    ----------
    text_weight : float, default=1.12
        beta_2: of the whole image compared with texts that have looked at its patches.
    image_weight : float, default=0.02
        beta_3: of patches that have looked at the texts, compared with these.
    temperature : float, default=0.5
        Cosines of patches and texts are divided by it before both softmaxes.
    scale : float, default=100.0
        What all three terms are multiplied by; the encoder's ``logit_scale``.

    Attributes
    ----------
    candidates_ : ClassTable
        ``vectors`` (c, d) are text embeddings in the space of the patches.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    With unit patches F_s (p, d), texts F_t (c, d), A = F_s F_t^T / ``temperature``, and F_v the whole image:
    F_t' = softmax_p(A)^T F_s, F_v' = mean_p + max_p of softmax_c(A) F_t, and the score of class c is
    ``scale`` * (F_v F_t + beta_2 F_v F_t' + beta_3 F_v' F_t). The default weights are the published ones for ImageNet;
    they are searched for on each data set there.

    Differs from the paper: the mean of the patches stands for the whole image, as one array is given; its version with
    trained layers around the attention is left out.

    Cost: O(n p c d); memory O(p c + c d) an image, images in blocks.

    References
    ----------
    Guo, Zhang, Qiu, Ma, Miao, He, Cui. CALIP: Zero-Shot Enhancement of CLIP with Parameter-free Attention. AAAI 2023.
    """

    paper = Paper(
        title="CALIP: Zero-Shot Enhancement of CLIP with Parameter-free Attention",
        authors="Ziyu Guo, Renrui Zhang, Longtian Qiu, Xianzheng Ma, Xupeng Miao, Xuming He, Bin Cui",
        venue="AAAI",
        year=2023,
        url="https://arxiv.org/abs/2209.14169",
        aka=("CALIP", "parameter-free attention"),
    )
    traits = Traits(takes="patches", trained=False, open_candidates=False, aligned_space=True)

    def __init__(
        self, text_weight: float = 1.12, image_weight: float = 0.02, temperature: float = 0.5, scale: float = 100.0
    ):
        self.text_weight = text_weight
        self.image_weight = image_weight
        self.temperature = temperature
        self.scale = scale

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        pass

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        texts, p = unit_rows(table.vectors), X.shape[1] * X.shape[2]
        out = np.empty((len(X), len(texts)))
        block = max(1, 20_000_000 // (p * len(texts) + len(texts) * X.shape[-1] + 1))
        for start in range(0, len(X), block):
            patches = unit_rows(X[start : start + block].reshape(-1, p, X.shape[-1]).astype(float))
            whole, near = unit_rows(patches.mean(axis=1)), patches @ texts.T / self.temperature
            # The whole image meets F_t' as its products with the patches, weighed; F_t' itself is never made.
            looked_at = np.einsum("npc,np->nc", softmax(near, axis=1), np.einsum("npd,nd->np", patches, whole))
            looking = softmax(near, axis=2) @ texts
            pooled = looking.mean(axis=1) + looking.max(axis=1)
            out[start : start + block] = (
                whole @ texts.T + self.text_weight * looked_at + self.image_weight * pooled @ texts.T
            )
        return self.scale * out

    def explain(self, X, labels=None) -> np.ndarray:
        """Which patches the text of a label looks at: its row of softmax_p(A), (n, gh, gw).

        Parameters
        ----------
        X : array-like of shape (n, gh, gw, d)
        labels : array-like of shape (n,), or one label, optional
            Default: the label predicted.
        """
        X = read_samples(self, X)
        labels = self.predict(X) if labels is None else labels
        rows = self.candidates_.rows(np.broadcast_to(labels, len(X)))
        texts = unit_rows(self.candidates_.vectors)[rows]
        near = np.einsum("nhwd,nd->nhw", unit_rows(X.astype(float)), texts) / self.temperature
        return softmax(near, axis=(1, 2))
