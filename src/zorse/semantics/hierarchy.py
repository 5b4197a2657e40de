"""A hierarchy of classes as a graph."""

from __future__ import annotations

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.core.graph import ClassGraph


def hierarchy_graph(table: ClassTable) -> ClassGraph:
    """The graph of ``table.parents``: classes and all that is above them, an edge from each parent to its child.

    A class carries its vector, an inner node the mean vector of the classes below it, each counted once, however many
    ways lead down to it.

    Raises
    ------
    InputError
        If the table has no hierarchy, or something is above itself.

    Examples
    --------
    >>> import numpy as np
    >>> parents = {"cat": ("feline",), "lion": ("feline",), "feline": ("animal",), "dog": ("animal",)}
    >>> graph = hierarchy_graph(ClassTable(np.array(["cat", "lion", "dog"]), np.eye(3), parents=parents))
    >>> graph.nodes
    ('cat', 'lion', 'dog', 'animal', 'feline')
    >>> graph.vectors[4].tolist()
    [0.5, 0.5, 0.0]
    """
    if table.parents is None:
        raise InputError("the class table has no parents; a hierarchy is needed")
    labels = list(map(str, table.labels))
    below: dict[str, set[int]] = {}
    for row, label in enumerate(labels):
        for node in _above(label, table.parents):
            below.setdefault(node, set()).add(row)
    inner = sorted(below.keys() - set(labels))
    nodes = (*labels, *inner)
    place = {node: i for i, node in enumerate(nodes)}
    edges = np.array([(place[parent], place[node]) for node in nodes for parent in table.parents.get(node, ())])
    means = [table.vectors[sorted(below[node])].mean(axis=0) for node in inner]
    return ClassGraph(nodes, np.concatenate([table.vectors, np.reshape(means, (-1, table.n_semantics))]), edges)


def _above(node: str, parents: dict[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    todo = list(parents.get(node, ()))
    while todo:
        one = todo.pop()
        if one == node:
            raise InputError(f"{node!r} is above itself in the hierarchy")
        if one not in found:
            found.add(one)
            todo += parents.get(one, ())
    return found
