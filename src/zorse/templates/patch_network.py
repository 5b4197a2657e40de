"""What methods share that learn from grids of patches by gradient, and show where they looked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from zorse.core import ClassTable, Traits, ZeroShotClassifier, ZeroShotTagger, read_samples, resolve_device, seeded
from zorse.nn.vectors import unit_rows
from zorse.training import Clock, MiniBatches, Turn, train

BLOCK = 256  # samples scored at a time


class PatchNetwork(ABC):
    """Networks over grids x (b, gh, gw, d) and unit class vectors phi (c, k).

    A paper writes ``_build``, ``_loss``, ``_compatibility`` and ``_attention``, and has the constructor parameters
    ``epochs``, ``batch_size``, ``lr``, ``weight_decay``, ``random_state`` and ``device``. Patches are centred on the
    training patches' mean and divided by their overall standard deviation first.

    Attributes
    ----------
    networks_ : ModuleDict
    mean_, spread_ : ndarray of shape (d,) and float
    centre_ : Tensor of shape (k,)
        Mean of phi over the seen classes.
    history_ : list of dict
        Mean loss of each epoch.
    """

    traits: ClassVar[Traits] = Traits(takes="patches")
    networks_: nn.ModuleDict
    centre_: Tensor
    candidates_: ClassTable
    scores: Callable[[Any], np.ndarray]
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    random_state: Any
    device: str

    def _learn(self, X: np.ndarray, target: Tensor, vectors: np.ndarray, n_seen: int) -> None:
        device = resolve_device(self.device)
        with seeded(self.random_state) as generator:
            self.mean_ = X.mean(axis=(0, 1, 2))
            self.spread_ = float((X - self.mean_).std()) or 1.0
            x, phi = self._grids(X, device), self._phi(vectors, device)
            self.centre_ = phi[:n_seen].mean(dim=0)
            self.networks_ = self._build(x, phi[:n_seen]).to(device)

            def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
                return self._loss(*batch, phi, n_seen, clock)

            batches = MiniBatches(x, target.to(device), size=self.batch_size, generator=generator)
            turn = Turn("loss", loss, self.networks_.parameters(), self._optimizer)
            self.history_ = train([turn], batches, epochs=self.epochs)
            self.networks_.requires_grad_(False).eval()
            with torch.no_grad():
                self._finish(x, target.to(device), phi[:n_seen])

    @torch.no_grad()
    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        phi, blocks = self._phi(table.vectors, self._ready()), self._blocks(X)
        return np.concatenate([self._compatibility(x, phi).double().cpu().numpy() for _, x in blocks])

    @torch.no_grad()
    def explain(self, X, labels=None) -> np.ndarray:
        """Where the method looked: each patch's share of its attention to one label of the image.

        Parameters
        ----------
        X : array-like of shape (n, gh, gw, d)
        labels : label or array-like of n labels, optional
            Candidates; by default the one that scores highest.

        Returns
        -------
        maps : ndarray of shape (n, gh, gw)
            From 0 to 1, the sum over the grid is 1.
        """
        check_is_fitted(self)
        X = read_samples(self, X)
        best = self.scores(X).argmax(axis=1) if labels is None else None
        rows = self.candidates_.rows(np.broadcast_to(np.asarray(labels), len(X))) if best is None else best
        phi = self._phi(self.candidates_.vectors[rows], self._ready())
        maps = torch.cat([self._attention(x, phi[at]).double().cpu() for at, x in self._blocks(X)]).clamp(min=0)
        total = maps.sum(dim=(1, 2), keepdim=True)
        # Where nothing speaks for the label, no patch does more than another.
        return torch.where(total > 0, maps / total, 1 / maps[0].numel()).numpy()

    def _share_of(self, scores: Tensor, looks: Tensor, phi: Tensor) -> Tensor:
        """Looks (b, k, gh gw) of all attributes, each by what its score brings phi above an average seen class."""
        return ((scores * (phi - self.centre_.to(phi))).clamp(min=0)[:, None] @ looks)[:, 0]

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(params, lr=self.lr, weight_decay=self.weight_decay)

    def _ready(self) -> torch.device:
        device = torch.device(resolve_device(self.device))
        self.networks_.to(device)  # after loading they lie on the CPU
        return device

    def _blocks(self, X: np.ndarray) -> Iterator[tuple[slice, Tensor]]:
        device = resolve_device(self.device)
        for start in range(0, len(X), BLOCK):
            at = slice(start, start + BLOCK)
            yield at, self._grids(X[at], device)

    def _grids(self, X: np.ndarray, device) -> Tensor:
        return torch.as_tensor((X - self.mean_) / self.spread_, dtype=torch.float32, device=device)

    def _phi(self, vectors: np.ndarray, device) -> Tensor:
        return torch.as_tensor(unit_rows(vectors), dtype=torch.float32, device=device)

    @abstractmethod
    def _build(self, x: Tensor, phi: Tensor) -> nn.ModuleDict:
        """The networks for training samples x (n, gh, gw, d) of seen classes phi (s, k)."""

    @abstractmethod
    def _loss(self, x: Tensor, target: Tensor, phi: Tensor, n_seen: int, clock: Clock) -> Tensor:
        """Scalar loss of a batch. The first ``n_seen`` rows of phi are those that ``target`` speaks of."""

    def _finish(self, x: Tensor, target: Tensor, phi: Tensor) -> None:  # noqa: B027
        """Set what else scoring needs, after training, from all training samples and the seen classes phi (s, k)."""

    @abstractmethod
    def _compatibility(self, x: Tensor, phi: Tensor) -> Tensor:
        """Scores (b, c)."""

    @abstractmethod
    def _attention(self, x: Tensor, phi: Tensor) -> Tensor:
        """Attention (b, gh, gw) to one class a sample, phi (b, k), up to a factor; what is below 0 counts as 0."""


class PatchClassifier(PatchNetwork, ZeroShotClassifier):
    """A :class:`PatchNetwork` with one class a sample; ``target`` (b,) holds rows of phi, the later ones unseen."""

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        # Numbered by label, not by row: the order of the table means nothing.
        seen, target = np.unique(table.labels[rows], return_inverse=True)
        order = table.rows(np.concatenate([seen, np.setdiff1d(table.labels, seen)]))
        self._learn(X, torch.as_tensor(target), table.vectors[order], len(seen))


class PatchTagger(PatchNetwork, ZeroShotTagger):
    """A :class:`PatchNetwork` with any number of tags a sample: ``target`` (b, c) is 1 where it has the row's tag."""

    def _fit(self, X: np.ndarray, Y: np.ndarray, table: ClassTable) -> None:
        order = np.argsort(table.labels, kind="stable")
        self._learn(X, torch.as_tensor(Y[:, order], dtype=torch.float32), table.vectors[order], len(order))
