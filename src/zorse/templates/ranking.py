"""What bilinear methods share that learn by gradient from the scores of the seen classes."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from zorse.core import ClassTable, InputError, resolve_device, seeded
from zorse.nn.vectors import unit_rows
from zorse.templates.bilinear import BilinearClassifier
from zorse.training import Clock, MiniBatches, Turn, train


class RankingClassifier(BilinearClassifier):
    """score(x, c) = theta(x)^T W phi(c), W (d, k) from N(0, 1/d), theta and phi scaled to unit length where asked.

    A paper writes ``_loss`` and ``_optimizer``, and has the constructor parameters named here. Sets ``weights_`` and
    ``history_``. Training costs O(epochs (n d k + n k s)) for s seen classes.
    """

    epochs: int
    batch_size: int
    random_state: int | np.random.RandomState | None
    device: str
    normalize_features: bool = True
    normalize_classes: bool = True

    @abstractmethod
    def _loss(self, scores: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        """Scalar loss of the scores (n, s) of a batch, whose right columns are ``target``; draw from ``generator``."""

    @abstractmethod
    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        """The paper's optimizer."""

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        seen, target = np.unique(rows, return_inverse=True)
        if len(seen) < 2:
            name = type(self).__name__
            raise InputError(f"{name} needs at least two seen classes; got {table.labels[seen][0]!s} alone")
        device = resolve_device(self.device)
        theta = torch.as_tensor(self._theta(X), dtype=torch.float32, device=device)
        phi = torch.as_tensor(self._phi(table.vectors[seen]), dtype=torch.float32, device=device)
        with seeded(self.random_state) as generator:
            W = torch.randn(theta.shape[1], phi.shape[1]) / theta.shape[1] ** 0.5
            W = W.to(device).requires_grad_()

            def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
                return self._loss(batch[0] @ W @ phi.T, batch[1], generator)

            labels = torch.as_tensor(target, device=device)
            batches = MiniBatches(theta, labels, size=self.batch_size, generator=generator)
            self.history_ = train([Turn("ranking", loss, [W], self._optimizer)], batches, epochs=self.epochs)
        self.weights_ = W.detach().cpu().double().numpy()

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self._theta(X) @ self.weights_ @ self._phi(table.vectors).T

    def _theta(self, X: np.ndarray) -> np.ndarray:
        return unit_rows(X) if self.normalize_features else X

    def _phi(self, vectors: np.ndarray) -> np.ndarray:
        return unit_rows(vectors) if self.normalize_classes else vectors
