"""What methods share that adapt a frozen dual encoder to a few labelled embeddings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from zorse.core import ClassTable, InputError, ZeroShotClassifier, seeded
from zorse.nn.vectors import unit_rows

BLOCK = 512  # held-out shots scored at a time


class FeatureAdapter(ZeroShotClassifier):
    """Shots beside texts, in the encoder's space; what is left open is settled by cross-validation on the shots.

    A method writes ``_settings`` (what to choose among), ``_learn`` and ``_logits``. A class without shots keeps its
    zero-shot score unless the method says otherwise.

    Constructor parameters that every method declares: ``scale``, ``n_folds``, ``random_state``.

    Attributes
    ----------
    setting_ : dict of str to float
        The chosen setting; the first one, the paper's, where no class has two shots to part.
    validation_ : float or None
        Its accuracy on held-out shots.
    state_ : dict
        What was learned.
    place_ : ndarray of int, shape (c,)
        Place of each candidate among the classes that have shots; -1 for others.
    """

    scale: float
    n_folds: int
    random_state: Any

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        # Numbered by label, not by row: the order of the table means nothing.
        seen, y = np.unique(table.labels[rows], return_inverse=True)
        x, T = unit_rows(X), unit_rows(table.vectors[table.rows(seen)])
        settings = self._settings()
        self.setting_ = settings[0]
        self.validation_: float | None = None
        with seeded(self.random_state) as generator:
            if len(settings) > 1:
                self._choose(x, y, T, settings, generator)
            self.state_ = self._learn(x, y, T, [self.setting_], generator)

    def _choose(self, x: np.ndarray, y: np.ndarray, T: np.ndarray, settings: list[dict], generator) -> None:
        """Take the setting most accurate on held-out shots; of equals the one that finds them likeliest."""
        if self.n_folds < 2:
            raise InputError(f"n_folds must be at least 2; got {self.n_folds}")
        fold = folds(y, self.n_folds, generator)
        right, likelihood = np.zeros(len(settings)), np.zeros(len(settings))
        for held, state in self._learn_folds(x, y, T, fold, settings, generator):
            for start in range(0, len(held), BLOCK):
                rows = held[start : start + BLOCK]
                at, own = np.arange(len(rows)), y[rows]
                for i, logits in enumerate(self._logits_each(x[rows], T, np.arange(len(T)), state, settings)):
                    top = logits.argmax(axis=1)
                    right[i] += (top == own).sum()
                    best, of_own = logits[at, top], logits[at, own]
                    np.exp(np.subtract(logits, best[:, None], out=logits), out=logits)
                    likelihood[i] += (of_own - best - np.log(logits.sum(axis=1))).sum()
        if (fold >= 0).any():
            chosen = max(range(len(settings)), key=lambda i: (right[i], likelihood[i]))
            self.setting_, self.validation_ = settings[chosen], float(right[chosen] / (fold >= 0).sum())

    def _learn_folds(
        self, x: np.ndarray, y: np.ndarray, T: np.ndarray, fold: np.ndarray, settings: list[dict], generator
    ) -> Iterator[tuple[np.ndarray, dict]]:
        """For each fold that holds out a shot, the positions of those, and what the others teach."""
        for k in np.unique(fold[fold >= 0]):
            held = fold == k
            yield np.flatnonzero(held), self._learn(x[~held], y[~held], T, settings, generator)

    def _logits_each(
        self, x: np.ndarray, T: np.ndarray, place: np.ndarray, state: dict, settings: list[dict]
    ) -> Iterator[np.ndarray]:
        """``_logits`` for each setting, in arrays that may be written over; for methods whose settings share work."""
        for setting in settings:
            yield self._logits(x, T, place, state, setting)

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError(f"{type(self).__name__} needs at least one candidate class; got none")
        at = {label: i for i, label in enumerate(self.seen_.tolist())}
        self.place_ = np.array([at.get(label, -1) for label in table.labels.tolist()])

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self._logits(unit_rows(X), unit_rows(table.vectors), self.place_, self.state_, self.setting_)

    def _zero_shot(self, x: np.ndarray, T: np.ndarray) -> np.ndarray:
        """CLIP's logits (n, c)."""
        return self.scale * x @ T.T

    @abstractmethod
    def _settings(self) -> list[dict]:
        """Hyper-parameters to choose among, the paper's first; one alone is not cross-validated."""

    @abstractmethod
    def _learn(self, x: np.ndarray, y: np.ndarray, T: np.ndarray, settings: list[dict], generator) -> dict:
        """Learn from unit shots x (n, d) of classes y (n,), whose unit texts are the rows of T (s, d).

        ``settings`` are those that ``_logits`` will be asked for; most methods learn the same for all.
        """

    @abstractmethod
    def _logits(self, x: np.ndarray, T: np.ndarray, place: np.ndarray, state: dict, setting: dict) -> np.ndarray:
        """Scores (n, c) of unit samples x (n, d) for unit texts T (c, d); ``place`` as the attribute ``place_``."""


def folds(y: np.ndarray, n: int, generator: torch.Generator) -> np.ndarray:
    """The fold of each sample, dealt within classes (numbered from 0); -1, never held out, for the only one of one."""
    order = torch.randperm(len(y), generator=generator).numpy()
    out, size = np.empty(len(y), dtype=np.intp), np.bincount(y)
    for c in range(len(size)):
        own = order[y[order] == c]
        out[own] = np.arange(len(own)) % n if size[c] > 1 else -1
    return out


def added(logits: np.ndarray, more: np.ndarray, place: np.ndarray) -> np.ndarray:
    """``logits`` (n, c) plus ``more`` (n, s), whose columns belong to the candidates with that ``place`` (c,)."""
    known = place >= 0
    logits[:, known] += more[:, place[known]]
    return logits
