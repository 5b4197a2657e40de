"""What methods share that look at a few examples of every class, which they find in an external memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import log_softmax

from zorse.core import ClassTable, InputError, Reason, Traits, ZeroShotClassifier
from zorse.nn.affinity import row_divergences
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory, Searchable, read_memory
from zorse.templates.prompted import table_of_samples

BLOCK = 1024  # samples at a time: memory is O(BLOCK s) for s examples
MEASURED = 1000  # examples that ranges are measured on


def memory_for(memory: Any, d: int) -> Searchable | None:
    """What ``memory`` stands for, its vectors being of length d.

    Raises
    ------
    InputError
        If it is no memory, or of another space.
    """
    found = read_memory(memory)
    if found is not None and found.vectors.shape[1] != d:
        raise InputError(f"the memory's vectors have {found.vectors.shape[1]} numbers, samples and classes {d}")
    return found


def prompts_of(table: ClassTable) -> tuple[np.ndarray, np.ndarray]:
    """Unit embeddings (p, d) of every prompt, else of every class, and the class (p,) of each."""
    parts = table.prompts if table.prompts is not None else tuple(table.vectors[:, None])
    rows = np.repeat(np.arange(table.n_classes), [len(part) for part in parts])
    return unit_rows(np.concatenate(parts)) if len(rows) else np.empty((0, table.n_semantics)), rows


def examples_in(memory: Searchable, table: ClassTable, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the memory that stand for each class, at most ``n``, and the class of each; both (s,).

    Those with the class's label or name where the memory has labels, the nearest to the class's vector first; else the
    ``n`` rows nearest to the class's vector, so that a row may stand for several classes.
    """
    W = unit_rows(table.vectors)
    if not (isinstance(memory, Memory) and memory.rows_of):
        index, _ = memory.search(W, n)
        return index.ravel(), np.repeat(np.arange(table.n_classes), index.shape[1])
    names = table.names or tuple(str(label) for label in table.labels)
    found, rows = [], []
    for row, (label, name) in enumerate(zip(table.labels, names, strict=True)):
        own = memory.rows_of.get(str(label), memory.rows_of.get(name))
        if own is not None:
            own = own[np.argsort(-(memory.vectors[own] @ W[row]), kind="stable")[:n]]
            found.append(own)
            rows.append(np.full(len(own), row))
    if not found:
        raise InputError(f"no row of the memory is labelled with a class, such as {table.labels[0]!s}")
    return np.concatenate(found), np.concatenate(rows)


def row_named(memory: Searchable, row: int) -> str:
    """What a row of a memory is called where it explains an answer: its caption, else its label, else its number."""
    texts, labels = getattr(memory, "texts", None), getattr(memory, "labels", None)
    if texts is not None and texts[row]:
        return f"caption: {texts[row]}"
    return f"row {row} of the memory" + (f", {labels[row]}" if labels is not None and labels[row] else "")


class SupportClassifier(ZeroShotClassifier):
    """Text logits, plus what s labelled examples say: by how near they are, and by how alike they are classified.

    logits = scale x.w + alpha sum_j exp(-beta (1 - x.f_j)) + gamma sum_j phi(-KL(p(x) || p(f_j))) over the examples f_j
    of a class, where p is the softmax of the cosines with all class texts over ``temperature``, and phi brings the
    second affinity to the range of the first. Both ranges are those among the examples themselves. A paper writes
    ``_support``.

    Attributes
    ----------
    texts_ : ndarray of shape (c, d)
        Unit class vectors.
    keys_ : ndarray of shape (s, d)
        What a sample is compared with.
    log_q_ : ndarray of shape (s, c)
        Logarithm of p(f_j).
    rows_ : ndarray of shape (s,)
        Class of each example.
    index_ : ndarray of shape (s,) or (0,)
        Row of the memory that each example is; empty where prompts are the examples.
    slope_, shift_ : float
        phi(v) = slope_ v + shift_.
    """

    traits = Traits(trained=False, aligned_space=True, open_candidates=False)
    index_: np.ndarray
    memory: Any
    alpha: float
    beta: float
    gamma: float
    temperature: float
    scale: float

    def _table_of(self, X: np.ndarray, y: np.ndarray) -> ClassTable:
        return table_of_samples(super()._table_of(X, y), X, y)

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        pass

    def _support(self, table: ClassTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keys (s, d) that samples are compared with, unit examples (s, d) that are classified, their classes (s,).

        Sets ``index_``.
        """
        raise NotImplementedError

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError(f"{type(self).__name__} needs at least one candidate class; got none")
        self.texts_ = unit_rows(table.vectors)
        self.keys_, examples, self.rows_ = self._support(table)
        self.log_q_ = log_softmax(examples @ self.texts_.T / self.temperature, axis=1)
        some = np.unique(np.linspace(0, len(examples) - 1, min(len(examples), MEASURED)).astype(int))
        others = ~np.eye(len(some), dtype=bool)
        near = (examples[some] @ self.keys_[some].T)[others]
        alike = -row_divergences(self.log_q_[some], self.log_q_[some])[others]
        self.slope_, self.shift_ = onto_range(alike, near)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        s = len(self.rows_)
        of_class = sparse.csr_array((np.ones(s), (self.rows_, np.arange(s))), shape=(table.n_classes, s))
        out = np.empty((len(X), table.n_classes))
        for start in range(0, len(X), BLOCK):
            x = unit_rows(X[start : start + BLOCK])
            cosines = x @ self.texts_.T
            out[start : start + BLOCK] = self.scale * cosines + (of_class @ self._votes(x, cosines).T).T
        return out

    def _votes(self, x: np.ndarray, cosines: np.ndarray) -> np.ndarray:
        """What each example adds to the logit of its class, (n, s)."""
        near = x @ self.keys_.T
        alike = row_divergences(log_softmax(cosines / self.temperature, axis=1), self.log_q_)
        alike *= -self.slope_ * self.gamma
        alike += self.gamma * self.shift_
        near -= 1
        near *= self.beta
        np.exp(near, out=near)
        near *= self.alpha
        near += alike
        return near

    def because(self, x: np.ndarray, best: int, other: int) -> list[Reason] | None:
        """The image's lead by the names, and the examples of both classes; weights add up to the lead of the logits."""
        memory = read_memory(self.memory)
        if memory is None or not len(self.index_):
            return None
        x = unit_rows(x)
        cosines = x @ self.texts_.T
        (votes,) = self._votes(x, cosines)
        lead = np.where(self.rows_ == best, votes, 0) - np.where(self.rows_ == other, votes, 0)
        return [Reason(float(self.scale * (cosines[0, best] - cosines[0, other])))] + [
            Reason(float(lead[j]), text=row_named(memory, int(self.index_[j])))
            for j in np.flatnonzero((self.rows_ == best) | (self.rows_ == other))
        ]


def onto_range(values: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Slope and shift that bring the range of ``values`` to that of ``target``; 0 and the target's low without one."""
    if not len(values) or np.ptp(values) == 0:
        return 0.0, float(target.min(initial=1.0))
    slope = float(np.ptp(target) / np.ptp(values))
    return slope, float(target.min() - slope * values.min())
