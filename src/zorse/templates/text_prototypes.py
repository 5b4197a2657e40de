"""What methods share that move the texts of some classes towards unlabelled embeddings."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, ZeroShotClassifier, resolve_device, seeded
from zorse.nn.vectors import unit_rows
from zorse.training import Clock, MiniBatches, Turn, train


class TextPrototypes(ZeroShotClassifier):
    """One trained prototype a class, which starts as its text; the encoder stays frozen.

    A method writes ``_loss``; ``_before_epoch`` and ``_optimizer`` where it needs to. A class that the table of ``fit``
    did not hold is scored by its text.

    Constructor parameters that every method declares: ``scale``, ``epochs``, ``batch_size``, ``lr``, ``random_state``,
    ``device``.

    Attributes
    ----------
    prototypes_ : ndarray of shape (c, d)
        Unit prototypes of the classes that ``fit`` knew, in the order of ``labels_``.
    labels_ : ndarray of shape (c,)
    weights_ : ndarray of shape (c, d)
        Those of the candidates.
    history_ : list of dict
        Mean loss, an entry an epoch.
    """

    scale: float
    epochs: int
    batch_size: int
    lr: float
    random_state: Any
    device: str

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        if table.n_classes == 0:
            raise InputError(f"{type(self).__name__} needs at least one candidate class; got none")
        device = resolve_device(self.device)
        table = table.select(np.sort(table.labels))  # the order of the table means nothing
        x, T = (torch.tensor(unit_rows(V), dtype=torch.float32, device=device) for V in (unlabelled, table.vectors))
        with seeded(self.random_state) as generator:
            W = nn.Parameter(T.clone())

            def after(clock: Clock, losses: dict[str, float]) -> None:
                self._before_epoch(x, nn.functional.normalize(W.detach(), dim=1), T)

            self._before_epoch(x, T, T)
            turn = Turn(
                "prototypes",
                lambda batch, clock: self._loss(batch[0], nn.functional.normalize(W, dim=1), T, clock, turn),
                [W],
                self._optimizer,
            )
            batches = MiniBatches(x, size=self.batch_size, generator=generator)
            self.history_ = train([turn], batches, epochs=self.epochs, after_epoch=after)
        self.labels_ = table.labels
        self.prototypes_ = unit_rows(W.detach().double().cpu().numpy())
        self._forget()

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError(f"{type(self).__name__} needs at least one candidate class; got none")
        at = {label: i for i, label in enumerate(self.labels_.tolist())}
        place = np.array([at.get(label, -1) for label in table.labels.tolist()])
        self.weights_ = np.where((place >= 0)[:, None], self.prototypes_[place], unit_rows(table.vectors))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * unit_rows(X) @ self.weights_.T

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(params, lr=self.lr)

    def _before_epoch(self, x: Tensor, W: Tensor, T: Tensor) -> None:
        """Look at all samples x (m, d) with the prototypes as they stand; most methods need nothing."""

    def _forget(self) -> None:
        """Drop what only the training needed."""

    @abstractmethod
    def _loss(self, x: Tensor, W: Tensor, T: Tensor, clock: Clock, turn: Turn) -> Tensor:
        """Scalar loss of a batch x (b, d), for unit prototypes W (c, d) that started as the texts T (c, d)."""
