"""What is known about each class before any image of it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zorse.core.errors import InputError
from zorse.core.graph import ClassGraph


@dataclass(frozen=True, eq=False)
class ClassTable:
    """One row of side information per class. Frozen: ``clone`` shares it.

    Attributes
    ----------
    labels : ndarray of shape (c,)
        The values that occur in ``y``; unique, in column order of every score matrix.
    vectors : ndarray of shape (c, k)
        Attributes, word vectors or text embeddings; float64, finite, read-only.
    names : tuple of str, optional
        Human-readable names, used to fill prompt templates.
    prompts : tuple of c ndarrays of shape (p_i, k), optional
        The embedding of every prompt of a class, where classes may have different numbers of prompts.
    views : tuple of ndarrays of shape (c, k_v), optional
        Further semantic spaces, for methods that use several.
    parents : dict of str to tuple of str, optional
        A hierarchy: what each node is a kind (or made) of. A class is the node ``str(label)``; ancestors need be no
        classes.
    graph : ClassGraph, optional
        What is known beside the classes and how it is related to them; kept whole by :meth:`select`.

    Raises
    ------
    InputError
        If sizes disagree, a label occurs twice or a value is not finite; it names the class.
    """

    labels: np.ndarray
    vectors: np.ndarray
    names: tuple[str, ...] | None = None
    prompts: tuple[np.ndarray, ...] | None = None
    views: tuple[np.ndarray, ...] | None = None
    parents: dict[str, tuple[str, ...]] | None = None
    graph: ClassGraph | None = None

    def __post_init__(self):
        labels, vectors = np.array(self.labels), np.array(self.vectors, dtype=np.float64)
        if labels.ndim != 1 or vectors.ndim != 2 or len(labels) != len(vectors):
            raise InputError(
                f"expected labels (c,) and vectors (c, k) with one row a class; got {labels.shape} and {vectors.shape}"
            )
        unique, counts = np.unique(labels, return_counts=True)
        if len(unique) != len(labels):
            raise InputError(f"labels must be unique; more than once: {_listed(unique[counts > 1])}")
        bad = ~np.isfinite(vectors).all(axis=1)
        if bad.any():
            raise InputError(f"class vectors must be finite; not so for {_listed(labels[bad])}")
        labels.setflags(write=False)
        vectors.setflags(write=False)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "vectors", vectors)
        if self.names is not None:
            object.__setattr__(self, "names", tuple(str(name) for name in self.names))
            if len(self.names) != len(labels):
                raise InputError(f"expected {len(labels)} names, one a class; got {len(self.names)}")
        if self.prompts is not None:
            object.__setattr__(self, "prompts", self._checked_prompts(labels, vectors.shape[1]))
        if self.views is not None:
            views = tuple(np.array(view, dtype=np.float64) for view in self.views)
            for i, view in enumerate(views):
                if view.ndim != 2 or len(view) != len(labels):
                    raise InputError(f"view {i} must have shape ({len(labels)}, k), one row a class; got {view.shape}")
                bad = ~np.isfinite(view).all(axis=1)
                if bad.any():
                    raise InputError(f"view {i} must be finite; not so for {_listed(labels[bad])}")
                view.setflags(write=False)
            object.__setattr__(self, "views", views)

    def _checked_prompts(self, labels: np.ndarray, k: int) -> tuple[np.ndarray, ...]:
        assert self.prompts is not None
        if len(self.prompts) != len(labels):
            raise InputError(f"expected prompts of {len(labels)} classes; got {len(self.prompts)}")
        prompts = tuple(np.array(p, dtype=np.float64) for p in self.prompts)
        for label, p in zip(labels, prompts, strict=True):
            if p.ndim != 2 or p.shape[1] != k or len(p) == 0 or not np.isfinite(p).all():
                raise InputError(
                    f"prompts of class {label!s} must be finite and of shape (at least 1, {k}); got {p.shape}"
                )
            p.setflags(write=False)
        return prompts

    @classmethod
    def one_hot(cls, labels) -> ClassTable:
        """The table that knows nothing but identity; turns any method into an ordinary classifier."""
        labels = np.unique(labels)
        return cls(labels, np.eye(len(labels)))

    @property
    def n_classes(self) -> int:
        """Number of classes c."""
        return self.labels.shape[0]

    @property
    def n_semantics(self) -> int:
        """Length k of a class vector."""
        return self.vectors.shape[1]

    @property
    def spaces(self) -> tuple[np.ndarray, ...]:
        """Every semantic space: ``vectors``, then the ``views``."""
        return (self.vectors, *(self.views or ()))

    def rows(self, y) -> np.ndarray:
        """Row index of each label in ``y``, shape (n,); an unknown label is an InputError that names it."""
        y = np.asarray(y)
        if len(y) == 0:
            return np.empty(0, dtype=np.intp)
        if self.n_classes == 0:
            raise InputError(f"labels not in the class table: {_listed(np.unique(y))}")
        # Numbers and strings never match, and numpy cannot order them together.
        if (y.dtype.kind in "biuf") != (self.labels.dtype.kind in "biuf") and "O" not in (
            y.dtype.kind,
            self.labels.dtype.kind,
        ):
            raise InputError(
                f"labels not in the class table: {_listed(np.unique(y))} is {y.dtype}, the table {self.labels.dtype}"
            )
        order = np.argsort(self.labels, kind="stable")
        at = np.searchsorted(self.labels, y, sorter=order)
        rows = order[np.minimum(at, self.n_classes - 1)]
        missing = self.labels[rows] != y
        if missing.any():
            raise InputError(f"labels not in the class table: {_listed(np.unique(y[missing]))}")
        return rows

    def select(self, labels: Sequence | np.ndarray) -> ClassTable:
        """The sub-table of ``labels``, in the order given."""
        rows = self.rows(labels)
        return replace(
            self,
            labels=self.labels[rows],
            vectors=self.vectors[rows],
            names=None if self.names is None else tuple(self.names[i] for i in rows),
            prompts=None if self.prompts is None else tuple(self.prompts[i] for i in rows),
            views=None if self.views is None else tuple(view[rows] for view in self.views),
        )

    def without(self, labels: Sequence | np.ndarray) -> ClassTable:
        """The sub-table of every class not in ``labels``."""
        return self.select(self.labels[~np.isin(self.labels, labels)])

    def __sklearn_clone__(self) -> ClassTable:
        return self


def _listed(labels: np.ndarray) -> str:
    shown = ", ".join(str(label) for label in labels[:5])
    return shown if len(labels) <= 5 else f"{shown} and {len(labels) - 5} more"
