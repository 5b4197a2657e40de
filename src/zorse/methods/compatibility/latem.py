"""LatEm: several bilinear maps, the best of which scores each pair of sample and class."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from zorse.core import ClassTable, InputError, Paper
from zorse.nn.ranking import hinges
from zorse.nn.vectors import column_spread, unit_rows
from zorse.templates import RankingClassifier
from zorse.training import Clock

EVERY = 5  # epochs between two looks at which maps are in use, as in the paper


class LatEm(RankingClassifier):
    r"""Latent embeddings: a piecewise linear compatibility F(x, y) = max_i theta(x)^T W_i phi(y).

    It minimises, over samples, the mean over wrong classes y' of max(0, 1 + F(x, y') - F(x, y)); the gradient goes to
    the map that attains each maximum.

    Parameters
    ----------
    n_maps : int, default=6
        Maps to start with; the paper tries 2 to 10, and 16 where it prunes.
    prune : float, default=0.0
        Every fifth epoch a map is dropped for good if it is the best one for less than this share of the training
        samples with their own class; 0.05 in the paper, 0 keeps all.
    standardize : bool, default=True
        True brings each feature to mean 0 and variance 1 over the training samples, as in the paper; False scales
        samples to unit length, where the random start weighs less and a far larger ``lr`` is needed.
    epochs : int, default=50
    lr : float, default=0.003
        Constant step of plain stochastic gradient descent; the paper chooses it by validation.
    batch_size : int, default=32
        Samples whose updates are averaged to one step; 1 is the paper's.
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    weights_ : ndarray of shape (m, d, k)
        The maps that are left.
    mean_, spread_ : ndarray of shape (d,)
        Of the training features; the spread of a constant one counts as 1.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If ``n_maps`` is below 1, ``prune`` is not in [0, 1) or there is only one seen class.

    Notes
    -----
    Differs from the paper: its stochastic gradient draws one wrong class for each sample; here the gradient is averaged
    over all of them, which has the same expectation, and over a mini-batch. A map that is alone is never pruned.

    Cost: O(epochs m (n d k + n k s)) to fit, s being the number of seen classes; O(m (n d k + n k c)) to score.

    References
    ----------
    Xian, Akata, Sharma, Nguyen, Hein and Schiele, "Latent embeddings for zero-shot classification", CVPR 2016.
    """

    paper = Paper(
        title="Latent Embeddings for Zero-Shot Classification",
        authors="Yongqin Xian, Zeynep Akata, Gaurav Sharma, Quynh Nguyen, Matthias Hein, Bernt Schiele",
        venue="CVPR",
        year=2016,
        url="https://arxiv.org/abs/1603.08895",
        aka=("LatEm", "latent embeddings"),
    )

    def __init__(
        self,
        n_maps: int = 6,
        prune: float = 0.0,
        standardize: bool = True,
        epochs: int = 50,
        lr: float = 0.003,
        batch_size: int = 32,
        random_state=None,
        device: str = "auto",
    ):
        self.n_maps = n_maps
        self.prune = prune
        self.standardize = standardize
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.n_maps < 1:
            raise InputError(f"n_maps must be at least 1; got {self.n_maps}")
        if not 0 <= self.prune < 1:
            raise InputError(f"prune must be a share in [0, 1); got {self.prune}")
        self.mean_, self.spread_ = X.mean(axis=0), column_spread(X)
        self._own = torch.as_tensor(np.unique(rows, return_inverse=True)[1])
        self._alive = torch.ones(self.n_maps, dtype=torch.bool)
        super()._fit(X, rows, table)
        self.weights_ = self.weights_[self._alive.numpy()]
        del self._alive, self._own

    def _keeps(self) -> list[Tensor]:
        return [self._alive]

    def _start(self, d: int, k: int) -> Tensor:
        return torch.randn(self.n_maps, d, k) / d**0.5

    def _compatibility(self, theta: Tensor, W: Tensor, phi: Tensor) -> Tensor:
        return self._of_each_map(theta, W, phi).amax(dim=0)

    def _of_each_map(self, theta: Tensor, W: Tensor, phi: Tensor) -> Tensor:
        alive = getattr(self, "_alive", None)  # while training
        if alive is not None and not alive.all():
            W = W[alive.to(W.device)]
        # One product for all maps: (n, d) by (d, m k), or by (d, m s) if that is the cheaper order.
        (m, d, k), n, s = W.shape, len(theta), len(phi)
        if s * (n + k) < n * k:
            return (theta @ (W @ phi.T).permute(1, 0, 2).reshape(d, m * s)).reshape(n, m, s).transpose(0, 1)
        projected = (theta @ W.permute(1, 0, 2).reshape(d, m * k)).reshape(n, m, k)
        return (projected @ phi.T).transpose(0, 1)

    def _after_epoch(self, clock: Clock, theta: Tensor, W: Tensor, phi: Tensor) -> None:
        if self.prune == 0 or (clock.epoch + 1) % EVERY:
            return
        own = self._own.to(theta.device)
        parts = zip(theta.split(1024), own.split(1024), strict=True)
        best = torch.cat([self._of_each_map(t, W, phi)[:, torch.arange(len(y)), y].argmax(dim=0) for t, y in parts])
        share = torch.bincount(best.cpu(), minlength=int(self._alive.sum())) / len(best)
        kept = share >= self.prune
        kept[share.argmax()] = True
        self._alive[self._alive.clone()] = kept

    def _loss(self, scores: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        return hinges(scores, target).sum(dim=1).mean() / (scores.shape[1] - 1)

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(params, lr=self.lr)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        theta, phi = self._theta(X), self._phi(table)
        best = np.full((len(X), len(phi)), -np.inf)
        for W in self.weights_:
            np.maximum(best, theta @ (W @ phi.T), out=best)
        return best

    def _theta(self, X: np.ndarray) -> np.ndarray:
        return (X - self.mean_) / self.spread_ if self.standardize else unit_rows(X)

    def _phi(self, table: ClassTable) -> np.ndarray:
        return unit_rows(table.vectors)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few maps and epochs, pruned."""
        return [
            {"n_maps": 3, "prune": 0.05, "epochs": 15, "lr": 0.3, "batch_size": 32, "random_state": 0, "device": "cpu"}
        ]
