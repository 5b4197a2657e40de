"""What generators share that learn the class vectors themselves before they learn to generate."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, nn

from zorse.core import ClassTable, InputError
from zorse.nn.vectors import unit_rows
from zorse.templates.adversarial import AdversarialGenerator
from zorse.templates.training_data import TrainingData


@dataclass(eq=False, repr=False, kw_only=True)
class LearnedVectorsGenerator(AdversarialGenerator):
    """An adversarial generator told of a class by what ``_encode`` made of the whole table.

    Classes are known from ``fit`` on: one that joins later has no vector and is refused by name.

    Attributes
    ----------
    known_ : ndarray of shape (c,)
        Labels of the table that was fitted with, as strings.
    vectors_ : ndarray of shape (c, k)
        What was learned of each, at unit length.
    """

    known_: np.ndarray = field(init=False)
    vectors_: np.ndarray = field(init=False)

    def _data(self, x: Tensor, place: np.ndarray, trained: np.ndarray, table: ClassTable, unlabelled) -> TrainingData:
        # Here, where held-out classes have no samples any more; by label, for the order of a table means nothing.
        ordered = table.select(np.sort(table.labels))
        self.known_ = ordered.labels.astype(str)
        self.vectors_ = unit_rows(self._encode(x.cpu().double().numpy(), self.seen_[place], ordered))
        return super()._data(x, place, trained, table, unlabelled)

    def _describe(self, table: ClassTable) -> np.ndarray:
        place = {label: i for i, label in enumerate(self.known_)}
        new = [label for label in table.labels if str(label) not in place]
        if new:
            raise InputError(f"{type(self).__name__} knows the classes it was fitted with; {new[0]!s} is none of them")
        return self.vectors_[[place[str(label)] for label in table.labels]]

    def _recognised(
        self, critic: nn.Module, head: nn.Module, beta: float
    ) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        """The loss of a WGAN's generator whose features (n, d) of class vectors and classes a classifier tells."""

        def loss(fake: Tensor, a: Tensor, y: Tensor) -> Tensor:
            return self._fooled(critic, fake, a) + beta * nn.functional.cross_entropy(head(fake), y)

        return loss

    @abstractmethod
    def _encode(self, X: np.ndarray, y: np.ndarray, table: ClassTable) -> np.ndarray:
        """Class vectors (c, k) of ``table`` from samples X (n, d) of seen classes y (n,)."""
