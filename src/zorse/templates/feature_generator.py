"""What feature-generating methods share: train a generator, synthesise unseen classes, classify."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, resolve_device, seeded
from zorse.nn.vectors import unit_rows
from zorse.templates.synthetic import SyntheticClassifier
from zorse.templates.training_data import TrainingData
from zorse.training import KeepBest, MiniBatches, Turn, fit_softmax, held_out_classes, train
from zorse.training.validation import mean_class_accuracy


@dataclass(eq=False, repr=False, kw_only=True)
class FeatureGenerator(SyntheticClassifier):
    """Train a generator of features on seen classes, then classify with what it makes of all others.

    A method writes ``_turns`` (networks, kept in ``networks_``, and losses) and ``_generate``; one whose classifier
    works in another space than the features also writes ``_embed`` and ``_real``. A batch is (x, a, y): features, the
    class vector of each, its class. A ``@dataclass(eq=False, repr=False, kw_only=True)`` over the class makes the
    constructor; it names the method's own parameters and those below whose defaults differ.

    Parameters
    ----------
    epochs : int
        Passes over the training data.
    batch_size : int
    lr : float
        Step of the optimizer.
    scale : {"min-max", "l2", None}
        Features brought to [0, 1] by the training data's range, to unit length, or left alone.
    validation_classes : int, float or list of labels, optional
        Training classes that are held out to choose the epoch: after each one, held-out classes are synthesised and
        told apart, and the networks of the best epoch are kept. Test classes play no part. None trains all epochs on
        all classes, as papers do once they have chosen a number of epochs.
    patience : int, optional
        Stop after so many epochs without a better one; needs ``validation_classes``.

    Attributes
    ----------
    history_ : list of dict
        Mean loss of each turn, an entry an epoch; ``validation`` is the accuracy on held-out classes.
    low_, spread_ : ndarray of shape (d,)
        A feature is scaled as (x - low) / spread.
    """

    epochs: int = 30
    batch_size: int = 64
    lr: float = 1e-4
    scale: str | None = "min-max"
    validation_classes: int | float | Sequence | None = None
    patience: int | None = None
    history_: list[dict[str, float]] = field(init=False)
    low_: np.ndarray = field(init=False)
    spread_: np.ndarray = field(init=False)

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        self._fit_transductive(X, rows, table, None)

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled) -> None:
        device = resolve_device(self.device)
        with seeded(self.random_state) as generator:
            self.seed_ = int(torch.randint(2**31, (), generator=generator))
            held_out = held_out_classes(self.validation_classes, self.seen_, generator)
            place = np.searchsorted(self.seen_, table.labels[rows])
            trained = ~held_out[place]
            self._fit_scale(X[trained])
            x = self._scaled(X).float().to(device)
            data = self._data(x[trained], place[trained], ~held_out, table, unlabelled)
            turns = self._turns(data, generator)
            self.networks_.to(device)
            batches = MiniBatches(data.x, data.a, data.y, size=self.batch_size, generator=generator)
            select = None
            if held_out.any():
                select = KeepBest(lambda: self._accuracy(X[~trained], rows[~trained], table), self.patience)
            self.history_ = train(turns, batches, epochs=self.epochs, select=select)
            self.networks_.requires_grad_(False)
            self.seen_counts_ = np.bincount(place, minlength=len(self.seen_))
            with torch.no_grad():
                kept = [self._real(x[place == i]).cpu() for i in range(len(self.seen_))]
        self.seen_features_ = torch.cat(kept)
        self.seen_rows_ = torch.repeat_interleave(torch.tensor([len(k) for k in kept]))

    def _data(self, x: Tensor, place: np.ndarray, trained: np.ndarray, table: ClassTable, unlabelled) -> TrainingData:
        seen = self.seen_[trained]
        others = np.sort(table.without(seen).labels)
        ordered = table.select(np.concatenate([seen, others]))
        a = torch.as_tensor(self._describe(ordered), dtype=torch.float32, device=x.device)
        y = torch.as_tensor((np.cumsum(trained) - 1)[place], device=x.device)
        more = None if unlabelled is None else self._scaled(unlabelled).float().to(x.device)
        return TrainingData(x, y, a[: len(seen)], a[len(seen) :], more, ordered)

    def _accuracy(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> float:
        """Mean class accuracy among held-out classes, all of them synthesised."""
        labels = np.unique(table.labels[rows])
        judge = copy(self)
        judge.cascade, judge.seen_ = 0.0, self.seen_[:0]
        judge.seen_features_ = self._embed(self._scaled(X[:0])).float()
        self.forget()
        judged = judge._offer(table.select(labels)).predict(X)
        self.forget()
        return mean_class_accuracy(table.labels[rows], judged)

    def _see(self, X: np.ndarray) -> Tensor:
        return self._embed(self._scaled(X))

    def _fit_scale(self, X: np.ndarray) -> None:
        if self.scale not in ("min-max", "l2", None):
            raise InputError(f"scale must be 'min-max', 'l2' or None; got {self.scale!r}")
        d = X.shape[1]
        low, high = (X.min(axis=0), X.max(axis=0)) if self.scale == "min-max" else (np.zeros(d), np.ones(d))
        self.low_, self.spread_ = low, np.where(high > low, high - low, 1.0)

    def _scaled(self, X: np.ndarray) -> Tensor:
        return torch.as_tensor(unit_rows(X) if self.scale == "l2" else (X - self.low_) / self.spread_)

    def _embed(self, x: Tensor) -> Tensor:
        """Features (n, d) as the final classifier sees them, in the precision and place of ``x``."""
        return x

    def _real(self, x: Tensor) -> Tensor:
        """What the final classifier learns of a seen class from its features (m, d): ``n_seen`` of them at random."""
        m = len(x) if self.n_seen is None else self.n_seen
        return self._embed(x[torch.randperm(len(x))[:m].to(x.device)])

    def _softmax(self, x: Tensor, y: Tensor, n_classes: int, generator: torch.Generator) -> nn.Linear:
        """A frozen softmax over real features, trained as the final one is."""
        epochs, lr, size = self.classifier_epochs, self.classifier_lr, self.classifier_batch_size
        return fit_softmax(x, y, n_classes, epochs=epochs, lr=lr, batch_size=size, generator=generator)

    @abstractmethod
    def _turns(self, data: TrainingData, generator: torch.Generator) -> list[Turn]:
        """Set ``networks_`` and give the losses; draw from ``generator`` or from torch's own."""
