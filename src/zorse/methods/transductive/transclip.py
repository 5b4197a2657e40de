"""TransCLIP (NeurIPS 2024): a Gaussian mixture of unlabelled images, held near what their texts say."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.special import log_softmax

from zorse.core import ClassTable, Paper, Traits
from zorse.nn.search import nearest
from zorse.nn.vectors import unit_rows
from zorse.templates import TransductiveClassifier


class TransCLIP(TransductiveClassifier):
    """Settle the labels of unlabelled images together: mixture likelihood, neighbours, and a penalty that texts set.

    Parameters
    ----------
    k : int, default=3
        Nearest other images that an image's label is tied to.
    text_weight : float, default=1.0
        lambda: weight of the divergence from the zero-shot prediction.
    n_confident : int, default=8
        Images, those most confidently of a class, that its first mean is taken of.
    temperature : float, default=50.0
        What log-likelihoods are divided by beside the other two terms.
    scale : float, default=100.0
        Inverse temperature of the zero-shot prediction; the encoder's ``logit_scale``.
    epochs : int, default=10
        Rounds of labels, means and variances.
    n_inner : int, default=5
        Updates of the labels a round.

    Attributes
    ----------
    log_assignments_ : ndarray of shape (m, c)
        log z of the unlabelled images.
    centres_ : ndarray of shape (c, d)
        Unit mean of each candidate.
    variances_ : ndarray of shape (d,)
        Diagonal covariance, common to all.
    unlabelled_ : ndarray of shape (m, d)

    Notes
    -----
    With y the zero-shot softmax, N the k nearest images and w their cosines, the labels z of image i are updated by
    z_i ~ y_i^lambda exp(log p_i / T + (sum_{j in N(i)} w_ij z_j + sum_{j: i in N(j)} w_ji z_j) / (2 k)), where
    log p_ic = -1/2 (x_i - mu_c)^T Sigma^-1 (x_i - mu_c); then mu_c = normalize(sum_i z_ic x_i) and
    Sigma_dd = 1/m sum_ic z_ic (x_id - mu_cd)^2, from Sigma = I / d. Constants, T among them, are those of the authors'
    guide to their code, which the published numbers come from.

    Differs from the paper: its few-shot form is left out. An image that was not among the unlabelled ones is answered
    by the same update with its k nearest unlabelled images, their labels fixed (the neighbour term over k); the paper
    has no answer for it.

    Cost: O(m^2 d) for the neighbours, once; a label space O(epochs m c (d + n_inner k)), all by matrix products: the
    variances too, without the (m, c, d) differences. Memory O(m (c + d)). A new image O((m + c) d + k c).

    References
    ----------
    Zanella, Gérin, Ben Ayed. Boosting Vision-Language Models with Transduction. NeurIPS 2024.
    """

    paper = Paper(
        title="Boosting Vision-Language Models with Transduction",
        authors="Maxime Zanella, Benoît Gérin, Ismail Ben Ayed",
        venue="NeurIPS",
        year=2024,
        url="https://arxiv.org/abs/2406.01837",
        aka=("TransCLIP",),
    )
    traits = Traits(trained=False, needs_unlabelled=True, open_candidates=False, aligned_space=True)
    log_assignments_: np.ndarray

    def __init__(
        self,
        k: int = 3,
        text_weight: float = 1.0,
        n_confident: int = 8,
        temperature: float = 50.0,
        scale: float = 100.0,
        epochs: int = 10,
        n_inner: int = 5,
    ):
        self.k = k
        self.text_weight = text_weight
        self.n_confident = n_confident
        self.temperature = temperature
        self.scale = scale
        self.epochs = epochs
        self.n_inner = n_inner

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        self.unlabelled_ = unit_rows(unlabelled).astype(np.float32)
        neighbours, likeness = nearest(self.unlabelled_, self.unlabelled_, self.k + 1)
        self.neighbours_, self.likeness_ = neighbours[:, 1:], likeness[:, 1:]

    def _prepare(self, table: ClassTable) -> None:
        super()._prepare(table)
        self.texts_ = unit_rows(table.vectors)
        x = self.unlabelled_.astype(float)
        m, d = x.shape
        W = self._links(self.neighbours_, self.likeness_)
        ties = ((W + W.T) / (2 * self.k)).tocsr()
        told = self._told(x)
        z = np.exp(told)
        top = min(self.n_confident, m)
        best = np.argpartition(-z, top - 1, axis=0)[:top]
        rows, columns = best.ravel(), np.tile(np.arange(z.shape[1]), top)
        picked = sparse.csr_array((z[rows, columns], (columns, rows)), shape=(z.shape[1], m))
        self.centres_, self.variances_ = unit_rows(picked @ x), np.full(d, 1 / d)
        for _ in range(self.epochs):
            fixed = self.text_weight * told + self._likelihood(x) / self.temperature
            for _ in range(self.n_inner):
                self.log_assignments_ = log_softmax(fixed + ties @ z, axis=1)
                z = np.exp(self.log_assignments_)
            self._move(x, z)

    def _move(self, x: np.ndarray, z: np.ndarray) -> None:
        sums, weights = z.T @ x, z.sum(axis=0)
        mu = unit_rows(sums)
        # Rows of z sum to 1, so that the squares of x need no labels.
        spread = (x**2).sum(axis=0) - 2 * (mu * sums).sum(axis=0) + weights @ mu**2
        self.centres_, self.variances_ = mu, np.maximum(spread / len(x), 1e-12)

    def _told(self, x: np.ndarray) -> np.ndarray:
        return log_softmax(self.scale * x @ self.texts_.T, axis=1)

    def _likelihood(self, x: np.ndarray) -> np.ndarray:
        precise = 1 / self.variances_
        return (x * precise) @ self.centres_.T - ((self.centres_**2) @ precise + ((x**2) @ precise)[:, None]) / 2

    def _links(self, index: np.ndarray, weight: np.ndarray) -> sparse.csr_array:
        n, k = index.shape
        shape = (n, len(self.unlabelled_))
        return sparse.csr_array((weight.ravel().astype(float), index.ravel(), np.arange(0, n * k + 1, k)), shape=shape)

    def _known(self, place: np.ndarray) -> np.ndarray:
        return self.log_assignments_[place]

    def _new(self, x: np.ndarray) -> np.ndarray:
        ties = self._links(*nearest(x, self.unlabelled_, self.k)) / self.k
        x = x.astype(float)
        fixed = self.text_weight * self._told(x) + self._likelihood(x) / self.temperature
        return log_softmax(fixed + ties @ np.exp(self.log_assignments_), axis=1)
