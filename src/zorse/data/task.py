"""Zero-shot problems: samples, class table, and who is seen."""

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
    X : ndarray of shape (n, d) or (n, gh, gw, d)
        Features of every sample, or grids of them.
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
        if X.ndim not in (2, 4) or y.shape != X.shape[:1]:
            raise InputError(f"expected X (n, d) or (n, gh, gw, d), and y (n,); got {X.shape} and {y.shape}")
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


@dataclass(frozen=True, eq=False)
class TagTask:
    """Samples with any number of tags each, some of which are told in no training sample. Frozen, arrays read-only.

    Attributes
    ----------
    X : ndarray of shape (n, d) or (n, gh, gw, d)
    Y : ndarray of bool, shape (n, c)
        Which tags a sample has, in the order of ``classes``; ``train`` hides the unseen ones of training samples.
    classes : ClassTable
    seen : ndarray of labels
        The tags that training samples are annotated with.
    train_index, test_index : ndarray of int
        Rows of ``X``, from 0, disjoint.
    name : str

    Raises
    ------
    InputError
        If sizes disagree, a row is out of range or in both sets, or a seen label has no row in ``classes``.
    """

    X: np.ndarray
    Y: np.ndarray
    classes: ClassTable
    seen: np.ndarray
    train_index: np.ndarray
    test_index: np.ndarray
    name: str = ""

    def __post_init__(self):
        X, Y, seen = _read_only(self.X), _read_only(self.Y), _read_only(self.seen)
        if X.ndim not in (2, 4) or Y.shape != (len(X), self.classes.n_classes) or Y.dtype != bool:
            raise InputError(
                f"expected X (n, d) or (n, gh, gw, d), and Y (n, {self.classes.n_classes}) of bool; "
                f"got {X.shape}, and {Y.shape} of {Y.dtype}"
            )
        self.classes.rows(seen)
        train, test = (_checked_index(getattr(self, p), len(X), p) for p in ("train_index", "test_index"))
        if len(both := np.intersect1d(train, test)):
            raise InputError(f"row {both[0]} is in train_index and in test_index")
        for name, value in {"X": X, "Y": Y, "seen": seen, "train_index": train, "test_index": test}.items():
            object.__setattr__(self, name, value)

    @property
    def unseen(self) -> np.ndarray:
        """The other tags, in the order of ``classes``."""
        return self.classes.labels[~np.isin(self.classes.labels, self.seen)]

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """Samples to learn from and their seen tags, (m, c), False in every column of an unseen tag."""
        return self.X[self.train_index], self.Y[self.train_index] & np.isin(self.classes.labels, self.seen)

    @property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """Held-out samples with all their tags."""
        return self.X[self.test_index], self.Y[self.test_index]


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
