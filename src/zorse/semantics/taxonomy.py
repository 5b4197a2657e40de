"""A taxonomy as semantics: a class is described by what it is a kind of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from zorse.core.classes import ClassTable
from zorse.nn.hierarchy import Hierarchy


def taxonomy_table(labels, parents: Mapping[str, Iterable[str]], names: Sequence[str] | None = None) -> ClassTable:
    """The class table whose vectors say, for every node, whether it is the class or above it.

    Parameters
    ----------
    labels : array-like of shape (c,)
        Each is a node of ``parents`` as ``str(label)``.
    parents : mapping of str to iterable of str
        As ``ClassTable.parents``, which the table gets.
    names : sequence of c str, optional

    Returns
    -------
    ClassTable
        ``vectors`` hold 1 or 0 for each node above (or equal to) some class but not all, in the hierarchy's order.

    Raises
    ------
    InputError
        If a label is not in the hierarchy.
    """
    above = Hierarchy(parents).ancestors(labels).toarray()
    telling = above.any(axis=0) & ~above.all(axis=0)
    vectors = above[:, telling].astype(np.float64)
    kept = {node: tuple(up) for node, up in parents.items()}
    return ClassTable(labels, vectors, None if names is None else tuple(names), parents=kept)
