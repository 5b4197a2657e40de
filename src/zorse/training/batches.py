"""Endless shuffled mini-batches whose place can be written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor

from zorse.core.errors import InputError


class MiniBatches:
    """Yield aligned mini-batches forever, reshuffled at each pass; the last incomplete batch of a pass is dropped.

    Parameters
    ----------
    *tensors : Tensor of shape (n, ...)
        Sliced along the first dimension, each batch a tuple in the same order.
    size : int
        Samples a batch, at most n.
    generator : torch.Generator
        Source of the shuffling.
    fetch : callable (*slices) -> tuple, optional
        Makes the batch from the slices, for samples that are computed when they are drawn.
    """

    def __init__(
        self,
        *tensors: Tensor,
        size: int,
        generator: torch.Generator,
        fetch: Callable[..., tuple[Tensor, ...]] | None = None,
    ):
        if len({len(t) for t in tensors}) != 1 or len(tensors[0]) == 0:
            raise InputError(f"expected tensors of one length above 0; got lengths {[len(t) for t in tensors]}")
        self.tensors, self.generator, self.fetch = tensors, generator, fetch
        self.size = min(size, len(tensors[0]))
        self.steps_per_pass = len(tensors[0]) // self.size
        self._at = self.steps_per_pass

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Tensor, ...]:
        if self._at == self.steps_per_pass:
            self._before = self.generator.get_state()
            self._shuffle()
            self._at = 0
        rows = self._order[self._at * self.size : (self._at + 1) * self.size]
        self._at += 1
        slices = tuple(t.index_select(0, rows) for t in self.tensors)
        return slices if self.fetch is None else self.fetch(*slices)

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.tensors[0].device

    def _shuffle(self) -> None:
        order = torch.randperm(len(self.tensors[0]), generator=self.generator)
        self._order = order.to(self.device)

    def state(self) -> dict[str, Tensor]:
        """Where the stream stands: the generator before the present pass, now, and the place in the pass."""
        now = self.generator.get_state()
        return {"before": getattr(self, "_before", now), "now": now, "at": torch.tensor(self._at)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on exactly where :meth:`state` was taken."""
        self._at = int(state["at"])
        self._before = state["before"]
        self.generator.set_state(state["before"])
        if self._at < self.steps_per_pass:
            self._shuffle()
        self.generator.set_state(state["now"])


def streamed(
    real: tuple[Tensor, Tensor],
    a: Tensor,
    labels: Tensor,
    n: int,
    make: Callable[[Tensor], Tensor],
    *,
    size: int,
    generator: torch.Generator,
) -> MiniBatches:
    """Mini-batches of samples and labels, most of which are made when they are drawn, so that none has to be kept.

    ``real`` samples (m, d) and their labels (m,) are joined by ``n`` samples ``make(a[i])`` for each row of a (u, k)
    and its label.
    """
    x, y = real

    @torch.no_grad()
    def fetch(rows: Tensor) -> tuple[Tensor, Tensor]:
        old, new = rows[rows < len(x)], (rows[rows >= len(x)] - len(x)) // n
        return torch.cat([x[old], make(a[new])]), torch.cat([y[old], labels[new]])

    every = torch.arange(len(x) + n * len(a), device=x.device)
    return MiniBatches(every, size=size, generator=generator, fetch=fetch)
