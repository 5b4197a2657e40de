"""What methods share that classify with synthetic samples where a class has no real ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, seeded
from zorse.nn.vectors import unit_rows
from zorse.templates.final_classifier import FinalClassifier
from zorse.training import MiniBatches, streamed

# Synthetic classes of living models, so that another label space over the same classes costs no second synthesis.
# Kept outside the models: it is worth no byte on disk, and predicting must not change a model.
_synthesised: WeakKeyDictionary[nn.Module, dict[int, Tensor]] = WeakKeyDictionary()
CACHE_BYTES = 2**28
MEMORY_BYTES = 2**29  # a label space whose synthetic samples take more is streamed: each batch is made when drawn


@dataclass(eq=False, repr=False, kw_only=True)
class SyntheticClassifier(FinalClassifier):
    """Real samples of classes that have some, synthetic ones of all others, and a classifier over both.

    A subclass sets the attributes in ``_fit`` and writes ``_generate`` and ``_see``. Classes are synthesised when they
    are first asked for.

    Parameters
    ----------
    n_seen : int, optional
        Real samples kept of each seen class; None keeps all, 0 keeps none: seen classes are then synthesised as well.
    n_synthetic : int
        Samples made of each class that has no real one.
    few_shot : int
        Seen classes with at most so many training samples are synthesised as well, beside their real samples.

    Attributes
    ----------
    seen_features_, seen_rows_ : Tensors (m, d') and (m,), real samples as the classifier sees them and their ``seen_``
    seen_counts_ : ndarray (s,), training samples of each class of ``seen_``
    """

    n_seen: int | None = None
    n_synthetic: int = 300
    few_shot: int = 0
    seen_features_: Tensor = field(init=False)
    seen_rows_: Tensor = field(init=False)
    seen_counts_: np.ndarray = field(init=False)

    def _batches(self, table: ClassTable, generator: torch.Generator, *more: Tensor) -> MiniBatches:
        """Training samples of every class and its place among the sorted labels: a table's order means nothing."""
        order, vectors = np.argsort(table.labels, kind="stable"), self._describe(table)
        place = next(self.networks_.parameters()).device
        x, y, wanting = [], [], []
        for column, row in enumerate(order):
            real, made = self._real_of(table.labels[row])
            x.append(real)
            y.append(torch.full((len(real),), column))
            wanting += [column] * made
        if more:
            x, y = [*x, more[0].to(x[0])], [*y, torch.as_tensor(np.argsort(order))[more[1].cpu()]]
        size, m = self.classifier_batch_size, self.n_synthetic
        if len(wanting) * m * self.seen_features_.shape[1] * 4 <= MEMORY_BYTES:
            x += [self._synthesise(table.labels[order[i]], vectors[order[i]]) for i in wanting]
            y += [torch.full((m,), i) for i in wanting]
            x_all = torch.cat([part.to(place) for part in x])
            return MiniBatches(x_all, torch.cat(y).to(place), size=size, generator=generator)
        a = torch.as_tensor(vectors[order[wanting]], dtype=torch.float32, device=place)
        kept, columns = (torch.cat(x).to(place), torch.cat(y).to(place)), torch.tensor(wanting, device=place)
        return streamed(kept, a, columns, m, self._generate, size=size, generator=generator)

    def forget(self) -> None:
        """Drop the synthetic classes that are remembered; only needed after a change of ``networks_`` by hand."""
        _synthesised.pop(self.networks_, None)

    def _real_of(self, label) -> tuple[Tensor, bool]:
        """Real samples (m, d') of a class, and whether synthetic ones are wanted as well."""
        place = np.flatnonzero(self.seen_ == label)
        real = self.seen_features_[self.seen_rows_ == int(place[0])] if len(place) else self.seen_features_[:0]
        return real, len(real) == 0 or bool(self.seen_counts_[place[0]] <= self.few_shot)

    def _samples_of(self, table: ClassTable) -> Iterator[Tensor]:
        """Training samples (m, d') of one class after the other."""
        for label, vector in zip(table.labels, self._describe(table), strict=True):
            real, made = self._real_of(label)
            yield torch.cat([real, self._synthesise(label, vector).to(real)]) if made else real

    def synthesise(self, table: ClassTable) -> list[Tensor]:
        """``n_synthetic`` samples (m, d') of each class; they depend on that class and the model alone."""
        return [self._synthesise(*of_class) for of_class in zip(table.labels, self._describe(table), strict=True)]

    @torch.no_grad()
    def _synthesise(self, label, vector: np.ndarray) -> Tensor:
        key = int.from_bytes(sha256(f"{self.seed_} {label} ".encode() + vector.tobytes()).digest()[:4])
        known = _synthesised.setdefault(self.networks_, {})
        if key in known and len(known[key]) == self.n_synthetic:
            return known[key]
        a = torch.as_tensor(vector[None], dtype=torch.float32, device=next(self.networks_.parameters()).device)
        with seeded(key):
            made = self._generate(a.expand(self.n_synthetic, -1))
        if made.nbytes * (len(known) + 1) <= CACHE_BYTES:
            known[key] = made
        return made

    def _describe(self, table: ClassTable) -> np.ndarray:
        """Class vectors (c, k) as the networks take them: brought to unit length, as the proposed splits hold them."""
        return unit_rows(table.vectors)

    @abstractmethod
    def _generate(self, a: Tensor) -> Tensor:
        """A sample (d') in the classifier's space for each row of a (m, k); noise from torch's global generator."""
