"""A zero-shot problem: samples, class table, and who is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError


@dataclass(frozen=True, eq=False)
class ZeroShotTask:
    """Samples, labels, the class table and three disjoint index sets. Frozen, and its arrays are read-only.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Features of every sample.
    y : ndarray of shape (n,)
        Labels; each has a row in ``classes``.
    classes : ClassTable
        Seen and unseen classes.
    train_index, test_seen_index, test_unseen_index : ndarray of int
        Rows of ``X``, from 0. A row may be in none of them, never in two.
    name : str
        Shown in reports.

    Raises
    ------
    InputError
        If an unseen class occurs in training, a test class called seen does not, a row is out of range or in two
        sets, sizes disagree, or a label has no row in ``classes``; it names the classes or rows.
    """

    X: np.ndarray
    y: np.ndarray
    classes: ClassTable
    train_index: np.ndarray
    test_seen_index: np.ndarray
    test_unseen_index: np.ndarray
    name: str = ""

    def __post_init__(self):
        X, y = _read_only(self.X), _read_only(self.y)
        if X.ndim != 2 or y.shape != X.shape[:1]:
            raise InputError(f"expected X (n, d) and y (n,); got {X.shape} and {y.shape}")
        self.classes.rows(y)  # a label without a row is an error that names it
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "y", y)
        used = np.zeros(len(y), dtype=bool)
        for part in ("train_index", "test_seen_index", "test_unseen_index"):
            index = _checked_index(getattr(self, part), len(y), part)
            if used[index].any():
                raise InputError(f"row {index[used[index]][0]} is in {part} and in another index set")
            used[index] = True
            object.__setattr__(self, part, index)
        leaked = np.intersect1d(self.seen, y[self.test_unseen_index])
        if len(leaked):
            raise InputError(f"unseen classes occur in training: {', '.join(map(str, leaked))}")
        strange = np.setdiff1d(y[self.test_seen_index], self.seen)
        if len(strange):
            raise InputError(f"classes tested as seen have no training sample: {', '.join(map(str, strange))}")

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """Samples and labels to learn from."""
        return self.X[self.train_index], self.y[self.train_index]

    @property
    def test_seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Held-out samples of the seen classes."""
        return self.X[self.test_seen_index], self.y[self.test_seen_index]

    @property
    def test_unseen(self) -> tuple[np.ndarray, np.ndarray]:
        """Samples of the unseen classes."""
        return self.X[self.test_unseen_index], self.y[self.test_unseen_index]

    @property
    def seen(self) -> np.ndarray:
        """Labels that occur in training, sorted."""
        return np.unique(self.y[self.train_index])

    @property
    def unseen(self) -> np.ndarray:
        """Labels of the unseen test samples, sorted."""
        return np.unique(self.y[self.test_unseen_index])


def _read_only(array) -> np.ndarray:
    view = np.asarray(array).view()  # a view: the caller's own array stays writable
    view.setflags(write=False)
    return view


def _checked_index(index, n: int, part: str) -> np.ndarray:
    index = np.asarray(index)
    if index.ndim != 1 or (len(index) and index.dtype.kind not in "iu"):
        raise InputError(f"{part} must be row numbers of shape (m,); got {index.dtype} of shape {index.shape}")
    index = index.astype(np.intp)
    bad = index[(index < 0) | (index >= n)]
    if len(bad):
        raise InputError(f"{part} holds row {bad[0]}; the task has rows 0 to {n - 1}")
    rows, counts = np.unique(index, return_counts=True)
    if len(rows) != len(index):
        raise InputError(f"{part} holds row {rows[counts > 1][0]} more than once")
    return _read_only(index)
