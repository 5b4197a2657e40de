"""What a generator is given to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from zorse.core import ClassTable


@dataclass(frozen=True)
class TrainingData:
    """What a generator learns from; classes are numbered by label, for the order of a table means nothing.

    Attributes
    ----------
    x, y : Tensor of shape (n, d), (n,)
        Scaled features of seen classes, and the place of each one's class in ``seen``.
    seen, unseen : Tensor of shape (s, k), (u, k)
        Class vectors of trained classes, and of all others in the table.
    unlabelled : Tensor of shape (m, d), optional
        Scaled features without labels.
    table : ClassTable
        The same classes with all that is known about them, seen ones first, in the order of ``seen`` and ``unseen``.
    """

    x: Tensor
    y: Tensor
    seen: Tensor
    unseen: Tensor
    unlabelled: Tensor | None
    table: ClassTable

    @classmethod
    def of(cls, x: Tensor, y: Tensor, seen: Tensor) -> TrainingData:
        """Samples of seen classes and nothing else; the classes are called 0, 1, 2, ..."""
        return cls(x, y, seen, seen[:0], None, ClassTable(np.arange(len(seen)), seen.cpu().numpy()))

    @property
    def a(self) -> Tensor:
        """The class vector of each sample, (n, k)."""
        return self.seen[self.y]
