"""ReCLIP (WACV 2024): texts and images projected past what all classes share, labels spread among them."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, Paper, Traits
from zorse.nn.propagation import spread_from_texts, telling_directions
from zorse.nn.vectors import class_sums, unit_rows
from zorse.templates import TransductiveClassifier


class ReCLIP(TransductiveClassifier):
    """Project embeddings onto what tells the class texts apart, and spread labels from texts to unlabelled images.

    Parameters
    ----------
    k : int, default=20
        Nearest nodes that each node is linked to.
    alpha : float, default=0.99
        In [0, 1): how far labels spread.
    tolerance : float, default=1e-6
        Residual at which a system of equations counts as solved.

    Attributes
    ----------
    unlabelled_ : ndarray of shape (m, d)
        Unlabelled images at unit length, float32.
    basis_ : ndarray of shape (d, r)
        Orthonormal directions of the projection.
    spread_ : ndarray of shape (m, c)
        Label scores of the unlabelled images; each is answered by its own.
    centroids_ : ndarray of shape (c, r)
        Unit mean of the images of each pseudo-label in the projection, which answer for new images.

    Notes
    -----
    With the singular directions e_1, ..., e_r of the unit texts, the projection keeps e_2, ..., e_r: e_1 is what all
    class texts have in common, and what is not in their span tells no class apart. Among the c texts and m images in
    that space each node is linked to its ``k`` nearest (cosines below 0 count as 0, either direction alike), and
    labels spread from the texts by (I - alpha D^-1/2 W D^-1/2)^-1; an image's scores are divided by their sum. An
    image that was not among the unlabelled ones is scored by its cosine with the centroids; a class to which no image
    was assigned has its text as centroid.

    Differs from the paper: its first part alone, which needs no gradient through an encoder; the two models whose
    normalisation layers learn from each other's pseudo-labels are :mod:`zorse.methods.adaptation.reclip_towers`.

    Cost: O((m + c)^2 d) for the graph and O(i c m k) to spread, a label space; a new image O(d r + r c).

    References
    ----------
    Hu, Zhang, Xia, Chen, Luo, Sun, Wang, Qiao, Zeng, Sun, Kuo, Nevatia. ReCLIP: Refine Contrastive Language Image
    Pre-training with Source Free Domain Adaptation. WACV 2024.
    """

    paper = Paper(
        title="ReCLIP: Refine Contrastive Language Image Pre-training with Source Free Domain Adaptation",
        authors="Xuefeng Hu, Ke Zhang, Lu Xia, Albert Chen, Jiajia Luo, Yuyin Sun, Ken Wang, Nan Qiao, Xiao Zeng, "
        "Min Sun, Cheng-Hao Kuo, Ram Nevatia",
        venue="WACV",
        year=2024,
        url="https://arxiv.org/abs/2308.03793",
        aka=("ReCLIP", "source-free adaptation of CLIP"),
        seed=144,
    )
    traits = Traits(trained=False, needs_unlabelled=True, open_candidates=False, aligned_space=True)

    def __init__(self, k: int = 20, alpha: float = 0.99, tolerance: float = 1e-6):
        self.k = k
        self.alpha = alpha
        self.tolerance = tolerance

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        self.unlabelled_ = unit_rows(unlabelled).astype(np.float32)

    def _prepare(self, table: ClassTable) -> None:
        super()._prepare(table)
        T, c = unit_rows(table.vectors), table.n_classes
        self.basis_ = telling_directions(T)
        images, texts = unit_rows(self.unlabelled_ @ self.basis_), unit_rows(T @ self.basis_)
        self.spread_ = spread_from_texts(texts, images, self.k, self.alpha, self.tolerance)
        pseudo = self.spread_.argmax(axis=1)
        sums = class_sums(images, pseudo, c)
        none = np.bincount(pseudo, minlength=c) == 0
        self.centroids_ = unit_rows(np.where(none[:, None], texts, sums))

    def _known(self, place: np.ndarray) -> np.ndarray:
        return self.spread_[place]

    def _new(self, x: np.ndarray) -> np.ndarray:
        return unit_rows(x @ self.basis_) @ self.centroids_.T

    @classmethod
    def example_params(cls) -> list[dict]:
        """As published, and near links alone."""
        return [{}, {"k": 5, "alpha": 0.9}]
