"""ReCLIP (WACV 2024): texts and images projected past what all classes share, labels spread among them."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.nn.propagation import spread_from_texts, telling_directions
from zorse.nn.vectors import class_sums, unit_rows


class ReCLIP(ZeroShotClassifier):
    """Spread labels from texts to unlabelled images where texts differ, and answer by texts and the images' centroids.

    Parameters
    ----------
    k : int, default=20
        Nearest nodes that each node is linked to.
    alpha : float, default=0.99
        In [0, 1): how far labels spread.
    scale : float, default=100.0
        Inverse temperature of ``predict_proba``; the encoder's ``logit_scale``. It never moves the ranking.
    tolerance : float, default=1e-6
        Residual at which a system of equations counts as solved.

    Attributes
    ----------
    unlabelled_ : ndarray of shape (m, d)
        Unlabelled images at unit length, float32.
    basis_ : ndarray of shape (d, r)
        Orthonormal directions of the projection.
    spread_ : ndarray of shape (m, c)
        Shares of the labels that reached each unlabelled image; the largest is its pseudo-label.
    texts_, centroids_ : ndarray of shape (c, d)
        Unit texts, and the unit mean of each text and the images of its pseudo-label.

    Notes
    -----
    With the singular directions e_1, ..., e_r of the unit texts, the projection keeps e_2, ..., e_r: e_1 is what all
    class texts have in common, and what is not in their span tells no class apart. Among the c texts and m images in
    that space each node is linked to its ``k`` nearest by (1 + cosine) / 2, and labels spread from the texts by
    (I - alpha D^-1/2 W D^-1/2)^-1, with W the mean of the links' two directions. An image x is scored by
    scale (cos(x, t_c) + cos(x, m_c)) / 2, with texts t_c and, in the encoder's own space, centroids m_c.

    Differs from the paper: its first part alone, which needs no gradient through an encoder; the two models whose
    normalisation layers learn from each other's pseudo-labels are :mod:`zorse.methods.adaptation.reclip_towers`. The
    released code stops after 20 iterations, keeps 250 directions of more than 500 classes, and counts a text among the
    images of the label that reached it, where here it is its own class's.

    Cost: O((m + c)^2 d) for the graph and O(i c m k) to spread, a label space; an image O(c d).

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

    def __init__(self, k: int = 20, alpha: float = 0.99, scale: float = 100.0, tolerance: float = 1e-6):
        self.k = k
        self.alpha = alpha
        self.scale = scale
        self.tolerance = tolerance

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        self.unlabelled_ = unit_rows(unlabelled).astype(np.float32)

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError("ReCLIP needs at least one candidate class; got none")
        self.texts_ = unit_rows(table.vectors)
        self.basis_ = telling_directions(self.texts_)
        images, texts = unit_rows(self.unlabelled_ @ self.basis_), unit_rows(self.texts_ @ self.basis_)
        self.spread_ = spread_from_texts(texts, images, self.k, self.alpha, self.tolerance)
        sums = class_sums(self.unlabelled_, self.spread_.argmax(axis=1), table.n_classes)
        self.centroids_ = unit_rows(self.texts_ + sums)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale / 2 * unit_rows(X) @ (self.texts_ + self.centroids_).T

    @classmethod
    def example_params(cls) -> list[dict]:
        """As published, and near links alone."""
        return [{}, {"k": 5, "alpha": 0.9}]
