"""CMT: a two-layer network maps features to word vectors, and an outlier there belongs to a new class."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper
from zorse.nn import mlp
from zorse.nn.vectors import negative_distance, unit_rows
from zorse.templates import NetworkClassifier
from zorse.training import softmax_regression


class CMT(NetworkClassifier):
    r"""Cross-modal transfer: the class whose vector is nearest to f(x) = W_2 tanh(W_1 x + b_1) + b_2.

    f minimises the mean of ||w_y - f(x)||^2 over samples, w_y being the class vector scaled to unit length. With
    ``novelty`` seen and unseen classes are told apart first: a sample is novel if f(x) lies outside the isometric
    Gaussian of every seen class; then only unseen candidates are in question, by distance. Otherwise only seen ones
    are, by a softmax classifier of the features.

    Parameters
    ----------
    novelty : float, optional
        Share of the training samples of each seen class that lie outside its Gaussian's bound, in (0, 1). None: no
        novelty detection, every candidate is scored by distance.
    C : float, default=1.0
        Inverse strength of the l2 penalty of the softmax classifier.
    hidden : int, default=100
    weight_decay : float, default=1e-4
    epochs : int, default=50
    lr : float, default=1e-3
        Step of Adam.
    batch_size : int, default=64
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        "embed", which is f.
    seen_vectors_ : ndarray of shape (s, k)
        Centres of the Gaussians, in the order of ``seen_``.
    bound_ : ndarray of shape (s,)
        With ``novelty``: squared distance from the centre beyond which a sample is outside.
    coef_, intercept_ : ndarray of shape (s, d) and (s,)
        With ``novelty``: the softmax classifier.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If ``novelty`` is not in (0, 1), or there is only one seen class.

    Notes
    -----
    Differs from the paper: trained with Adam, where the paper uses L-BFGS; the threshold on the density of a class is
    given by a share of its samples. With one isometric Gaussian a class and a threshold of its own, being below the
    threshold is being farther than ``bound_``. Scores with ``novelty`` are 1 for the right kind of class plus a
    probability (seen) or 1 / (1 + squared distance) (unseen): comparable within a kind alone.

    Cost: O(epochs n h (d + k)) to fit with h hidden units; O(n h (d + k) + n c k) to score.

    References
    ----------
    Socher, Ganjoo, Manning and Ng, "Zero-shot learning through cross-modal transfer", NeurIPS 2013.
    """

    paper = Paper(
        title="Zero-Shot Learning Through Cross-Modal Transfer",
        authors="Richard Socher, Milind Ganjoo, Christopher D. Manning, Andrew Y. Ng",
        venue="NeurIPS",
        year=2013,
        url="https://arxiv.org/abs/1301.3666",
        aka=("CMT", "cross-modal transfer"),
    )

    def __init__(
        self,
        novelty: float | None = None,
        C: float = 1.0,
        hidden: int = 100,
        weight_decay: float = 1e-4,
        epochs: int = 50,
        lr: float = 1e-3,
        batch_size: int = 64,
        random_state=None,
        device: str = "auto",
    ):
        self.novelty = novelty
        self.C = C
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.novelty is not None and not 0 < self.novelty < 1:
            raise InputError(f"novelty must be a share in (0, 1), or None; got {self.novelty}")
        super()._fit(X, rows, table)
        seen, target = np.unique(table.labels[rows], return_inverse=True)
        self.seen_vectors_ = self._phi(table.select(seen))
        if self.novelty is None:
            return
        squared = ((self.embed(X) - self.seen_vectors_[target]) ** 2).sum(axis=1)
        self.bound_ = np.array([np.quantile(squared[target == i], 1 - self.novelty) for i in range(len(seen))])
        self.coef_, self.intercept_ = softmax_regression(X, target, self.C)

    def embed(self, X: np.ndarray) -> np.ndarray:
        """f(x), the place of each sample among the class vectors, shape (n, k)."""
        return self._run(lambda networks, x: networks["embed"](x), X)

    def is_novel(self, X: np.ndarray) -> np.ndarray:
        """Whether each sample is outside every seen class, shape (n,); for a model with ``novelty``."""
        return np.all(-negative_distance(self.embed(X), self.seen_vectors_) > self.bound_, axis=1)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        near = negative_distance(self.embed(X), self._phi(table))
        if self.novelty is None:
            return near
        novel, scores = self.is_novel(X)[:, None], 1 / (1 - near)
        seen = np.isin(table.labels, self.seen_)
        p = softmax(X @ self.coef_.T + self.intercept_, axis=1)
        scores[:, seen] = p[:, np.searchsorted(self.seen_, table.labels[seen])]
        return scores + np.where(seen, ~novel, novel)

    def _networks(self, x: Tensor, phi: Tensor, y: Tensor) -> dict[str, nn.Module]:
        return {"embed": mlp(x.shape[1], self.hidden, phi.shape[1], activation=nn.Tanh)}

    def _loss(self, x: Tensor, y: Tensor, phi: Tensor) -> Tensor:
        return (self.networks_["embed"](x) - phi[y]).square().sum(dim=1).mean()

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(params, lr=self.lr, weight_decay=self.weight_decay)

    def _phi(self, table: ClassTable) -> np.ndarray:
        return unit_rows(table.vectors)

    @classmethod
    def example_params(cls) -> list[dict]:
        """A small network, with and without novelty detection."""
        few: dict = {"hidden": 16, "epochs": 20, "lr": 0.01, "batch_size": 32, "random_state": 0, "device": "cpu"}
        return [few, few | {"novelty": 0.05}]
