"""InMaP (NeurIPS 2023): unlabelled images turn class texts into class vectors that live among images."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.nn.priors import balanced
from zorse.nn.vectors import unit_rows


class InMaP(ZeroShotClassifier):
    """Learn a vision proxy of each class from pseudo-labels that its text gives to unlabelled images.

    Parameters
    ----------
    text_temperature : float, default=0.01
        tau_T: cosines with texts are divided by it before the softmax that makes pseudo-labels.
    image_temperature : float, default=0.04
        tau_I: the same for cosines with proxies.
    threshold : float, default=0.6
        A pseudo-label whose largest probability exceeds it becomes hard.
    sinkhorn : int, default=20
        Steps of Sinkhorn's iteration that make classes equally frequent among pseudo-labels; 0 leaves them as they are.
    gamma : float, default=0.0
        In [0, 1]: power of the pseudo-labels' own class shares that the iteration aims at; 0 is uniform.
    epochs : int, default=2000
        Steps of projected gradient descent at most.
    lr : float, default=10.0
        First step; halved whenever the gradient has become longer.
    tolerance : float, default=1e-7
        Descent ends where no entry of a proxy moves by more.

    Attributes
    ----------
    proxies_ : ndarray of shape (c, d)
        Unit vector of each candidate, among images.
    n_iter_ : int
        Steps taken.
    unlabelled_ : ndarray of shape (m, d)
        Unit vectors, float32.

    Notes
    -----
    With P the pseudo-labels (m, c), softmax(x t / tau_T) after Sinkhorn, the proxies minimise the mean cross-entropy
    of P and softmax(x w / tau_I) over unit vectors w, starting at the texts: w <- normalize(w - lr / (m tau_I)
    (softmax(x w / tau_I) - P)^T x). An image is scored by x w / tau_I, so that new images need nothing but the
    proxies. Each label space has its own.

    Differs from the paper: descent stops early where it stands still. Of the released scripts, whose steps and
    constants these are, the two stages (with and without Sinkhorn) are one here, chosen by ``sinkhorn``.

    Cost: O(epochs m c d) for a label space, two products of (m, d) and (d, c) a step, in single precision, and
    O(m c) memory. Predict O(n c d).

    References
    ----------
    Qian, Xu, Hu. Intra-Modal Proxy Learning for Zero-Shot Visual Categorization with CLIP. NeurIPS 2023.
    """

    paper = Paper(
        title="Intra-Modal Proxy Learning for Zero-Shot Visual Categorization with CLIP",
        authors="Qi Qian, Yuanhong Xu, Juhua Hu",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2310.19752",
        aka=("InMaP", "intra-modal proxy learning"),
    )
    traits = Traits(trained=False, needs_unlabelled=True, open_candidates=False, aligned_space=True)
    proxies_: np.ndarray

    def __init__(
        self,
        text_temperature: float = 0.01,
        image_temperature: float = 0.04,
        threshold: float = 0.6,
        sinkhorn: int = 20,
        gamma: float = 0.0,
        epochs: int = 2000,
        lr: float = 10.0,
        tolerance: float = 1e-7,
    ):
        self.text_temperature = text_temperature
        self.image_temperature = image_temperature
        self.threshold = threshold
        self.sinkhorn = sinkhorn
        self.gamma = gamma
        self.epochs = epochs
        self.lr = lr
        self.tolerance = tolerance

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        self.unlabelled_ = unit_rows(unlabelled).astype(np.float32)

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError("InMaP needs at least one candidate class; got none")
        w, x = unit_rows(table.vectors).astype(np.float32), self.unlabelled_
        target, lr, longest = x.T @ self.pseudo_labels(w), self.lr, np.inf
        self.n_iter_ = 0
        while self.n_iter_ < self.epochs:
            self.n_iter_ += 1
            slope = (x.T @ softmax(x @ w.T / self.image_temperature, axis=1) - target).T
            length = float(np.linalg.norm(slope))
            lr, longest = (lr / 2 if length > longest else lr), length
            before, w = w, unit_rows(w - lr / (len(x) * self.image_temperature) * slope).astype(np.float32)
            if np.abs(w - before).max() <= self.tolerance:
                break
        self.proxies_ = w

    def pseudo_labels(self, texts: np.ndarray) -> np.ndarray:
        """P (m, c) of the unlabelled images, for unit class texts (c, d)."""
        P = softmax(self.unlabelled_ @ texts.T / self.text_temperature, axis=1)
        if self.sinkhorn:
            shares = P.sum(axis=0) ** self.gamma
            P = balanced(P, shares / shares.sum(), self.sinkhorn)
        sure = P.max(axis=1) > self.threshold
        P[sure] = np.eye(P.shape[1], dtype=P.dtype)[P[sure].argmax(axis=1)]
        return P

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return unit_rows(X) @ self.proxies_.T.astype(float) / self.image_temperature

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few steps, with the texts' own class shares."""
        return [{"epochs": 50, "sinkhorn": 0}]
