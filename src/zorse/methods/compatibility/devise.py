"""DeViSE: a linear map from features to word vectors, trained with a ranking loss."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from zorse.core import ClassTable, InputError, Paper, resolve_device, seeded
from zorse.nn.ranking import hinges
from zorse.nn.vectors import unit_rows
from zorse.templates import BilinearClassifier
from zorse.training import Clock, MiniBatches, Turn, train


class DeViSE(BilinearClassifier):
    r"""Deep visual-semantic embedding: the right word vector is to be nearer to M x than any wrong one.

    With unit word vectors t it minimises, over samples, sum_y' max(0, margin - t_y^T M x + t_y'^T M x).

    Parameters
    ----------
    margin : float, default=0.1
    normalize_features : bool, default=True
        Whether samples are scaled to unit length.
    epochs : int, default=50
    lr : float, default=0.1
        Step of Adagrad.
    batch_size : int, default=64
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)
        M transposed.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If there is only one seen class.

    Notes
    -----
    Differs from the paper: the image network stays as it is, which is the paper's first stage of training; the sum
    over wrong classes is taken whole, where the paper stops at the first violator it draws.

    Cost: O(epochs (n d k + n k s)) to fit, s being the number of seen classes; O(n d k + n k c) to score.

    References
    ----------
    Frome, Corrado, Shlens, Bengio, Dean, Ranzato and Mikolov, "DeViSE: a deep visual-semantic embedding model",
    NeurIPS 2013.
    """

    paper = Paper(
        title="DeViSE: A Deep Visual-Semantic Embedding Model",
        authors="Andrea Frome, Greg S. Corrado, Jonathon Shlens, Samy Bengio, Jeffrey Dean, Marc'Aurelio Ranzato, "
        "Tomas Mikolov",
        venue="NeurIPS",
        year=2013,
        url="https://papers.nips.cc/paper/5204-devise-a-deep-visual-semantic-embedding-model",
        aka=("DeViSE",),
    )

    def __init__(
        self,
        margin: float = 0.1,
        normalize_features: bool = True,
        epochs: int = 50,
        lr: float = 0.1,
        batch_size: int = 64,
        random_state=None,
        device: str = "auto",
    ):
        self.margin = margin
        self.normalize_features = normalize_features
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        seen, target = np.unique(rows, return_inverse=True)
        if len(seen) < 2:
            raise InputError(f"DeViSE needs at least two seen classes; got {table.labels[seen][0]!s} alone")
        device = resolve_device(self.device)
        x = torch.as_tensor(self._features(X), dtype=torch.float32, device=device)
        words = torch.as_tensor(unit_rows(table.vectors[seen]), dtype=torch.float32, device=device)
        with seeded(self.random_state) as generator:
            M = (torch.randn(x.shape[1], words.shape[1]) / x.shape[1] ** 0.5).to(device).requires_grad_()

            def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
                return hinges(batch[0] @ M @ words.T, batch[1], self.margin).sum(dim=1).mean()

            batches = MiniBatches(x, torch.as_tensor(target, device=device), size=self.batch_size, generator=generator)
            turn = Turn("ranking", loss, [M], lambda params: torch.optim.Adagrad(params, lr=self.lr))
            self.history_ = train([turn], batches, epochs=self.epochs)
        self.weights_ = M.detach().cpu().double().numpy()

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self._features(X) @ self.weights_ @ unit_rows(table.vectors).T

    def _features(self, X: np.ndarray) -> np.ndarray:
        return unit_rows(X) if self.normalize_features else X

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few epochs."""
        return [{"epochs": 30, "batch_size": 16, "random_state": 0, "device": "cpu"}]
