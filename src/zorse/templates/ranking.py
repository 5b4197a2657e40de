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

    A paper writes ``_loss`` and ``_optimizer``, and has the constructor parameters named here; one with another map
    also writes ``_start``, ``_compatibility`` and ``_scores``. Sets ``weights_`` and ``history_``. Training costs
    O(epochs (n d k + n k s)) for s seen classes.
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
        phi = torch.as_tensor(self._phi(table)[seen], dtype=torch.float32, device=device)
        with seeded(self.random_state) as generator:
            W = self._start(theta.shape[1], phi.shape[1]).to(device).requires_grad_()

            def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
                return self._loss(self._compatibility(batch[0], W, phi), batch[1], generator)

            labels = torch.as_tensor(target, device=device)
            batches = MiniBatches(theta, labels, size=self.batch_size, generator=generator)
            turn = Turn("ranking", loss, [W], self._optimizer, keeps=self._keeps())

            def after_epoch(clock: Clock, losses: dict[str, float]) -> None:
                with torch.no_grad():
                    self._after_epoch(clock, theta, W, phi)

            self.history_ = train([turn], batches, epochs=self.epochs, after_epoch=after_epoch)
        self.weights_ = W.detach().cpu().double().numpy()

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self._theta(X) @ self.weights_ @ self._phi(table).T

    def _start(self, d: int, k: int) -> Tensor:
        """W before training, from torch's global generator."""
        return torch.randn(d, k) / d**0.5

    def _compatibility(self, theta: Tensor, W: Tensor, phi: Tensor) -> Tensor:
        """Scores (n, s) of theta (n, d) and phi (s, k)."""
        (n, s), k = (len(theta), len(phi)), W.shape[1]
        # Either order gives the same; the cheaper one is taken.
        return theta @ (W @ phi.T) if s * (n + k) < n * k else theta @ W @ phi.T

    def _after_epoch(self, clock: Clock, theta: Tensor, W: Tensor, phi: Tensor) -> None:
        """What a paper does between epochs, given all samples and seen classes; nothing, as a rule."""

    def _keeps(self) -> list[Tensor]:
        """Tensors that ``_after_epoch`` edits in place: a training that was interrupted finds them as they were."""
        return []

    def _theta(self, X: np.ndarray) -> np.ndarray:
        return unit_rows(X) if self.normalize_features else X

    def _phi(self, table: ClassTable) -> np.ndarray:
        return unit_rows(table.vectors) if self.normalize_classes else table.vectors
