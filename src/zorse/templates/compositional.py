"""What methods share whose classes are pairs of an attribute and an object."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, ZeroShotClassifier, resolve_device, seeded
from zorse.nn.vectors import cosine, unit_rows
from zorse.training import Clock, MiniBatches, Turn, train


@dataclass(frozen=True)
class Words:
    """The words that the classes of a table are made of.

    Attributes
    ----------
    attributes, objects : tuple of str
        Names, each once.
    attribute_vectors, object_vectors : Tensor of shape (n, k)
        Of unit length.
    attribute, object : Tensor of int, shape (c,)
        Which of them a class has.
    """

    attributes: tuple[str, ...]
    objects: tuple[str, ...]
    attribute_vectors: Tensor
    object_vectors: Tensor
    attribute: Tensor
    object: Tensor

    def of(self, rows: Tensor) -> Self:
        """The same words, the classes ``rows`` alone."""
        return replace(self, attribute=self.attribute[rows], object=self.object[rows])

    @property
    def pairs(self) -> Tensor:
        """Both vectors of each class side by side, shape (c, 2 k)."""
        return torch.cat([self.attribute_vectors[self.attribute], self.object_vectors[self.object]], dim=1)


def words_of(table: ClassTable, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Words:
    """Attribute and object of each class by ``table.parents``, their vectors by ``table.graph``.

    A class without two parents is its own attribute and its own object, and lends both its vector.

    Raises
    ------
    InputError
        If a word is no node of the graph, or words and classes have vectors of different length.
    """
    known = table.parents or {}
    pairs, own = [], {}
    for label, vector in zip(map(str, table.labels), table.vectors, strict=True):
        pair = known.get(label, ())
        if len(pair) != 2:
            pair, own[label] = (label, label), vector
        pairs.append(pair)
    names = [tuple(dict.fromkeys(pair[i] for pair in pairs)) for i in (0, 1)]
    asked = [word for side in names for word in side if word not in own]
    if asked and table.graph is None:
        raise InputError(f"the class table has no graph, which holds the vectors of words such as {asked[0]!r}")
    vectors = dict(own)
    if asked:
        assert table.graph is not None
        vectors |= dict(zip(asked, table.graph.vectors[table.graph.rows(asked)], strict=True))
    lengths = {len(vector) for vector in vectors.values()}
    if len(lengths) > 1:
        raise InputError(f"words and classes that are no pairs have vectors of lengths {sorted(lengths)}")
    V, at = [], []
    for i, side in enumerate(names):
        place = {word: j for j, word in enumerate(side)}
        V.append(torch.as_tensor(unit_rows(np.array([vectors[word] for word in side])), dtype=dtype, device=device))
        at.append(torch.tensor([place[pair[i]] for pair in pairs], device=device))
    return Words(names[0], names[1], V[0], V[1], at[0], at[1])


def feasibility(table: ClassTable, seen) -> np.ndarray:
    """How likely each pair of ``table`` exists, shape (c,), in [-1, 1], judged by the pairs in ``seen`` (CompCos).

    The likeness of its object to the likest object that is seen with its attribute, and of its attribute to the likest
    that is seen with its object, averaged; cosines of word vectors. A seen pair has 1. O(a^2 o + a o^2).

    Raises
    ------
    InputError
        As :func:`words_of`, or if a seen pair is not in the table.
    """
    words = words_of(table, dtype=torch.float64)
    a, o = words.attribute.numpy(), words.object.numpy()
    met = np.zeros((len(words.attributes), len(words.objects)), dtype=bool)
    rows = table.rows(seen)
    met[a[rows], o[rows]] = True
    of_objects, of_attributes = (cosine(V, V) for V in (words.object_vectors.numpy(), words.attribute_vectors.numpy()))
    by_object = np.stack([of_objects[:, row].max(axis=1, initial=-1.0) for row in met])
    by_attribute = np.stack([of_attributes[:, column].max(axis=1, initial=-1.0) for column in met.T], axis=1)
    return np.where(met, 1.0, (by_object + by_attribute) / 2)[a, o]


class PairClassifier(ZeroShotClassifier):
    """Networks over samples and words, trained on mini-batches; a method writes ``_networks``, ``_loss``, ``_score``.

    Constructor parameters that every method declares: ``epochs``, ``batch_size``, ``lr``, ``weight_decay``, ``device``,
    ``random_state``.

    Attributes
    ----------
    networks_ : ModuleDict
    history_ : list of dict, mean loss of each epoch
    """

    networks_: nn.ModuleDict
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    device: str
    random_state: Any

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        # Numbered by label, not by row: the order of the table means nothing.
        labels, target = np.unique(table.labels[rows], return_inverse=True)
        if len(labels) < 2:
            raise InputError(f"{type(self).__name__} needs at least two seen classes; got {labels[0]!s} alone")
        device = resolve_device(self.device)
        words, seen = words_of(table, device), torch.as_tensor(table.rows(labels), device=device)
        x = torch.tensor(X, dtype=torch.float32, device=device)
        y = torch.as_tensor(target, device=device)
        with seeded(self.random_state) as generator:
            self.networks_ = nn.ModuleDict(self._networks(X.shape[1], words.attribute_vectors.shape[1])).to(device)
            loss = self._loss_on(x, y, words, seen, generator)
            optimizer = lambda p: torch.optim.Adam(p, lr=self.lr, weight_decay=self.weight_decay)  # noqa: E731
            turn = Turn("loss", loss, self.networks_.parameters(), optimizer)
            batches = MiniBatches(x, y, size=self.batch_size, generator=generator)
            self.history_ = train([turn], batches, epochs=self.epochs)
        self.networks_.requires_grad_(False).eval()

    def _loss_on(self, x: Tensor, y: Tensor, words: Words, seen: Tensor, generator: torch.Generator) -> Any:
        """The loss as a turn takes it; x (n, d) and y (n,) are all training samples and their numbers in ``seen``."""
        return lambda batch, clock: self._loss(batch[0], batch[1], words, seen, clock)

    @torch.no_grad()
    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        # In double precision: single would let a score depend on how many samples come with it.
        device = resolve_device(self.device)
        words = words_of(table, device, torch.float64)
        return self._score(torch.tensor(X, dtype=torch.float64, device=device), words).cpu().numpy()

    @abstractmethod
    def _networks(self, d: int, k: int) -> dict[str, nn.Module]:
        """Networks by name, for features of length ``d`` and word vectors of length ``k``."""

    def _loss(self, x: Tensor, y: Tensor, words: Words, seen: Tensor, clock: Clock) -> Tensor:
        """Scalar loss of a batch x (b, d); its classes are the rows ``seen[y]`` of ``words``."""
        raise NotImplementedError

    @abstractmethod
    def _score(self, x: Tensor, words: Words) -> Tensor:
        """Scores (n, c) of x (n, d), in double precision; larger is better."""
