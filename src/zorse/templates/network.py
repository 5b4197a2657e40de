"""What methods share that train small networks on samples and the vectors of the seen classes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, ZeroShotClassifier, resolve_device, seeded
from zorse.training import MiniBatches, Turn, train


class NetworkClassifier(ZeroShotClassifier):
    """Networks trained on mini-batches of one loss; a method writes ``_networks``, ``_loss`` and ``_scores``.

    Constructor parameters that every method declares: ``epochs``, ``batch_size``, ``lr``, ``device``,
    ``random_state``; ``_optimizer`` is Adam unless overridden.

    Attributes
    ----------
    networks_ : ModuleDict
    history_ : list of dict, mean loss of each epoch
    """

    networks_: nn.ModuleDict
    epochs: int
    batch_size: int
    lr: float
    device: str
    random_state: Any

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        # Numbered by label, not by row: the order of the table means nothing.
        seen, target = np.unique(table.labels[rows], return_inverse=True)
        if len(seen) < 2:
            raise InputError(f"{type(self).__name__} needs at least two seen classes; got {seen[0]!s} alone")
        device = resolve_device(self.device)
        x = torch.tensor(self._theta(X), dtype=torch.float32, device=device)
        phi = torch.tensor(self._phi(table)[table.rows(seen)], dtype=torch.float32, device=device)
        y = torch.as_tensor(target, device=device)
        with seeded(self.random_state) as generator:
            self.networks_ = nn.ModuleDict(self._networks(x, phi, y)).to(device)
            turn = Turn(
                "loss",
                lambda batch, clock: self._loss(batch[0], batch[1], phi),
                self.networks_.parameters(),
                self._optimizer,
            )
            batches = MiniBatches(x, y, size=self.batch_size, generator=generator)
            self.history_ = train([turn], batches, epochs=self.epochs)
        self.networks_.requires_grad_(False)

    @torch.no_grad()
    def _run(self, call: Callable[[nn.ModuleDict, Tensor], Tensor], values: np.ndarray) -> np.ndarray:
        """``call(networks, values)`` for values (m, q), float64.

        In double precision: single would let a row depend on how many come with it.
        """
        device = resolve_device(self.device)
        networks = deepcopy(self.networks_).double().to(device)
        return call(networks, torch.tensor(values, dtype=torch.float64, device=device)).cpu().numpy()

    def _theta(self, X: np.ndarray) -> np.ndarray:
        """Features as the networks see them."""
        return X

    def _phi(self, table: ClassTable) -> np.ndarray:
        """Class vectors (c, k) as the networks see them."""
        return table.vectors

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(params, lr=self.lr)

    @abstractmethod
    def _networks(self, x: Tensor, phi: Tensor, y: Tensor) -> dict[str, nn.Module]:
        """Networks by name, for features x (n, d) of classes y (n,), whose vectors are the rows of phi (s, k)."""

    @abstractmethod
    def _loss(self, x: Tensor, y: Tensor, phi: Tensor) -> Tensor:
        """Scalar loss of a batch x (b, d) of classes y (b,), rows of phi (s, k)."""
