"""What methods share that learn the words in front of a class name from stored image embeddings."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from zorse.core import ClassTable, InputError, ZeroShotClassifier, resolve_device, seeded
from zorse.core.errors import CapabilityError
from zorse.encoders import load_encoder
from zorse.encoders.vectors import VectorTower
from zorse.nn.vectors import cosine
from zorse.training import MiniBatches, Turn, train

Learned = dict[str, Tensor]


class PromptLearner(ZeroShotClassifier):
    """Learned word pieces, trained through a frozen text tower; one context for all unless a method says otherwise.

    Constructor parameters that every method declares: ``encoder`` (name, PromptEncoder, or None: class vectors stand
    for words), ``scale``, ``epochs``, ``batch_size``, ``lr``, ``weight_decay``, ``device``, ``random_state``. The model
    keeps the digest of its encoder and refuses another. A method may replace ``_start``, ``_texts``, ``_objective``.

    Attributes
    ----------
    learned_ : dict of str to Tensor
    weights_ : ndarray of shape (c, d), unit vectors of the candidates
    scale_ : float
    encoder_digest_ : str, or None without an encoder
    history_ : list of dict, mean loss of each epoch
    """

    encoder: Any
    n_context: int
    init: str | None = None
    scale: float | None
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    device: str
    random_state: Any
    learned_: Learned
    weights_: np.ndarray

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        seen, target = np.unique(table.labels[rows], return_inverse=True)  # the order of the table means nothing
        if len(seen) < 2:
            raise InputError(f"{type(self).__name__} needs at least two seen classes; got {seen[0]!s} alone")
        with seeded(self.random_state) as generator:
            self._learn(X, target, np.ones(len(X)), table.select(seen), generator)

    def _learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, table: ClassTable, generator) -> None:
        """Train on X (n, d) of classes y (n,), rows of ``table``; a sample counts ``weight`` (n,) times."""
        self.encoder_digest_ = None  # learned anew, maybe with another encoder
        tower = self._tower(table)
        device = resolve_device(self.device)
        x = normalize(torch.tensor(X, dtype=torch.float32, device=device), dim=1)
        samples = (x, torch.as_tensor(y, device=device), torch.tensor(weight, dtype=torch.float32, device=device))
        self.scale_ = float(tower.logit_scale if self.scale is None else self.scale)
        learned = {name: start.to(device).requires_grad_() for name, start in self._start(tower, table).items()}
        known = normalize(torch.tensor(table.vectors, dtype=torch.float32, device=device), dim=1)
        turn = Turn(
            "loss",
            lambda batch, clock: self._objective(learned, lambda: self._texts(learned, tower, table), batch, known),
            learned.values(),
            lambda p: torch.optim.SGD(p, lr=self.lr, momentum=0.9, weight_decay=self.weight_decay),
        )

        def cool(clock, losses) -> None:
            turn.opt.param_groups[0]["lr"] = self.lr * (1 + math.cos(math.pi * (clock.epoch + 1) / self.epochs)) / 2

        batches = MiniBatches(*samples, size=self.batch_size, generator=generator)
        self.history_ = train([turn], batches, epochs=self.epochs, after_epoch=cool)
        self.learned_ = {name: value.detach().cpu() for name, value in learned.items()}

    @torch.no_grad()
    def _prepare(self, table: ClassTable) -> None:
        tower = self._tower(table)
        learned = {name: value.to(resolve_device(self.device)) for name, value in self.learned_.items()}
        parts = [
            self._texts(learned, tower, table.select(table.labels[i : i + 256]))
            for i in range(0, len(table.labels), 256)
        ]
        self.weights_ = torch.cat(parts).double().cpu().numpy()

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale_ * cosine(X, self.weights_)

    def _objective(self, learned: Learned, texts: Callable[[], Tensor], batch: Any, known: Tensor) -> Tensor:
        """Scalar loss of a batch (x, y, weight), given the class texts and the unit class vectors of the table."""
        x, y, weight = batch
        return (cross_entropy(self.scale_ * x @ texts().T, y, reduction="none") * weight).mean()

    def _tower(self, table: ClassTable) -> Any:
        """What turns word pieces into vectors; refuses what cannot, and another than the model was fitted with."""
        device = resolve_device(self.device)
        if self.encoder is None:
            return VectorTower(table.labels, table.vectors, device)
        tower = _loaded(self.encoder, str(device)) if isinstance(self.encoder, str) else self.encoder
        name = type(self).__name__
        if not hasattr(tower, "token_dim"):
            has = "a text tower that takes no learned context" if hasattr(tower, "logit_scale") else "no text tower"
            raise CapabilityError(f"{name} learns words in front of class names; {tower.name} has {has}")
        if table.n_semantics != tower.dim:
            raise InputError(f"{name}: {tower.name} gives {tower.dim} numbers, class vectors have {table.n_semantics}")
        self.encoder_digest_ = getattr(self, "encoder_digest_", None) or tower.text_fingerprint
        if self.encoder_digest_ != tower.text_fingerprint:
            raise InputError(f"{name} was fitted with another encoder than {tower.name}: its weights differ")
        return tower

    def _names(self, table: ClassTable) -> list[str]:
        """What stands for each class: its name, or for stored vectors its label."""
        return list(map(str, table.labels if self.encoder is None or table.names is None else table.names))

    def _start(self, tower: Any, table: ClassTable) -> Learned:
        """What is learned, as it is before training, for the classes of ``table``.

        Unless a method says otherwise one context for all: the pieces of ``init``, or ``n_context`` random ones.
        """
        if self.init is not None:
            return {"context": tower.token_vectors([self.init])[0].clone()}
        return {"context": 0.02 * torch.randn(self.n_context, tower.token_dim)}

    def _texts(self, learned: Learned, tower: Any, table: ClassTable) -> Tensor:
        """Unit vectors (c, d) of the classes of ``table``, differentiable in ``learned``."""
        return tower.encode_tokens(learned["context"].expand(table.n_classes, -1, -1), self._names(table))


@lru_cache(maxsize=2)
def _loaded(name: str, device: str) -> Any:
    return load_encoder(name, device=device)
