"""What methods share whose last step is a classifier trained anew for each label space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Traits, ZeroShotClassifier, resolve_device, seeded
from zorse.templates.traits_of import TraitsOf
from zorse.training import MiniBatches, fit_linear_softmax

ROWS = 4096  # scored at a time


@dataclass(eq=False, repr=False, kw_only=True)
class FinalClassifier(ZeroShotClassifier):
    """A softmax or nearest neighbours over training samples of every candidate, wherever these come from.

    A subclass sets ``networks_`` and ``seed_`` in ``_fit`` and writes ``_batches``, ``_samples_of`` and ``_see``.

    Parameters
    ----------
    classifier : {"softmax", "1-nn"}
        A linear softmax, or the nearest sample: a class's score is minus the distance of its nearest one.
    cascade : float in [0, 1]
        Two stages: the share of a call's samples that the softmax is surest of joins its training set under the labels
        predicted, and a second softmax answers for the rest. Scores then depend on the other samples of the call.
    classifier_epochs, classifier_lr, classifier_batch_size : int, float, int
        Adam on the softmax.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    networks_ : ModuleDict, all that predicting or a new label space needs
    coef_, intercept_ : ndarray of shape (c, d'), (c,), the softmax
    seed_ : int, what all randomness after training derives from
    """

    traits = TraitsOf(
        lambda model: Traits(open_candidates=model.classifier != "softmax", independent_samples=not model.cascade)
    )
    classifier: str = "softmax"
    cascade: float = 0.0
    classifier_epochs: int = 25
    classifier_lr: float = 1e-3
    classifier_batch_size: int = 300
    device: str = "auto"
    random_state: Any = None
    networks_: nn.ModuleDict = field(init=False)
    seed_: int = field(init=False)

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError(f"{type(self).__name__} needs at least one candidate class; got none")
        if self.classifier not in ("softmax", "1-nn") or (self.cascade and self.classifier != "softmax"):
            told = f"{self.classifier!r} and cascade={self.cascade}"
            raise InputError(f"classifier must be 'softmax' or '1-nn', and cascade=0 with the latter; got {told}")
        self.networks_.to(resolve_device(self.device))  # after loading they lie on the CPU
        if self.classifier == "softmax":
            self.coef_, self.intercept_ = self._fit_final(table)

    def _fit_final(self, table: ClassTable, *more: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """The softmax over ``table`` (c, d'), (c,); ``more`` are further samples and their columns."""
        with seeded(self.seed_) as generator:
            batches = self._batches(table, generator, *more)
            d = self._see(np.zeros((0, self.n_features_in_))).shape[1]
            epochs, lr = self.classifier_epochs, self.classifier_lr
            head = fit_linear_softmax(batches, d, table.n_classes, epochs=epochs, lr=lr)
        column = np.argsort(np.argsort(table.labels, kind="stable"))
        return head.weight.cpu().double().numpy()[column], head.bias.cpu().double().numpy()[column]

    @torch.no_grad()
    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        # In double precision: single would let a score depend on how many samples come with it.
        parts = [self._see(X[i : i + ROWS]) for i in range(0, max(len(X), 1), ROWS)]
        if self.classifier == "1-nn":
            return np.concatenate([nearness(part, self._samples_of(table)) for part in parts])
        scores = np.concatenate([part.numpy() @ self.coef_.T + self.intercept_ for part in parts])
        n_sure = int(self.cascade * len(X))
        if n_sure == 0:
            return scores
        p = torch.as_tensor(scores).log_softmax(1)
        doubt = torch.argsort(-(p.exp() * p).sum(1), stable=True)
        sure, rest = doubt[:n_sure], doubt[n_sure:]
        x = torch.cat(parts).float()
        with torch.enable_grad():
            coef, intercept = self._fit_final(table, x[sure], p[sure].argmax(1))
        scores[rest] = x[rest].double().numpy() @ coef.T + intercept
        return scores

    @abstractmethod
    def _batches(self, table: ClassTable, generator: torch.Generator, *more: Tensor) -> MiniBatches:
        """Training samples (b, d') of all candidates and the place (b,) of each one's class among the sorted labels.

        ``more`` are further samples (m, d') and the rows of ``table`` (m,) they are taken for.
        """

    @abstractmethod
    def _samples_of(self, table: ClassTable) -> Iterator[Tensor]:
        """Training samples (m, d') of one class after the other."""

    @abstractmethod
    def _see(self, X: np.ndarray) -> Tensor:
        """X (n, d) as the final classifier sees it (n, d'), in double precision on the CPU."""


def nearness(x: Tensor, classes: Iterator[Tensor]) -> np.ndarray:
    """Minus the distance of every row of x (n, d') from the nearest sample of each class, (n, c)."""
    columns = []
    for samples in classes:
        of_class = samples.to(x)
        best = of_class[torch.cdist(x, of_class, compute_mode="use_mm_for_euclid_dist").argmin(1)]
        columns.append((x - best).norm(dim=1))  # anew: products of matrices tell small distances badly
    return -torch.stack(columns, dim=1).numpy()
