"""What is known beside the classes: nodes, their vectors, and relations between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zorse.core.errors import InputError


@dataclass(frozen=True, eq=False)
class ClassGraph:
    """A knowledge graph. A class is the node ``str(label)``; most nodes may be no classes.

    Attributes
    ----------
    nodes : tuple of m str
        Unique names.
    vectors : ndarray of shape (m, k)
        Word vectors or other features of the nodes; float64, finite, read-only.
    edges : ndarray of shape (e, 2)
        Rows of the node that an edge leaves and of the one that it enters.
    relations : ndarray of shape (e,), optional
        Kind of each edge, from 0; None where there is one kind.

    Raises
    ------
    InputError
        If sizes disagree, a node occurs twice, a value is not finite or an edge names a row that is not there.
    """

    nodes: tuple[str, ...]
    vectors: np.ndarray
    edges: np.ndarray
    relations: np.ndarray | None = None

    def __post_init__(self):
        nodes, vectors = tuple(map(str, self.nodes)), np.array(self.vectors, dtype=np.float64)
        edges = np.array(self.edges, dtype=np.int64).reshape(-1, 2)
        if vectors.ndim != 2 or len(vectors) != len(nodes):
            raise InputError(f"expected vectors of shape ({len(nodes)}, k), one row a node; got {vectors.shape}")
        if len(set(nodes)) != len(nodes):
            raise InputError(f"nodes must be unique; {max(nodes, key=nodes.count)!r} occurs more than once")
        if not np.isfinite(vectors).all():
            node = nodes[int(np.argwhere(~np.isfinite(vectors))[0, 0])]
            raise InputError(f"vectors of nodes must be finite; not so for {node!r}")
        if edges.size and (edges.min() < 0 or edges.max() >= len(nodes)):
            raise InputError(f"edges must name rows from 0 to {len(nodes) - 1}; got {edges.min()} to {edges.max()}")
        if self.relations is not None:
            relations = np.array(self.relations, dtype=np.int64)
            if relations.shape != (len(edges),):
                raise InputError(f"expected {len(edges)} relations, one an edge; got {relations.shape}")
            relations.setflags(write=False)
            object.__setattr__(self, "relations", relations)
        for name, value in {"nodes": nodes, "vectors": vectors, "edges": edges}.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def rows(self, nodes) -> np.ndarray:
        """Row of each of ``nodes``, named as strings; an unknown one is an InputError that names it."""
        place = {node: i for i, node in enumerate(self.nodes)}
        wanted = [str(node) for node in nodes]
        missing = [node for node in wanted if node not in place]
        if missing:
            raise InputError(f"not in the graph: {', '.join(missing[:5])}" + (" and more" if len(missing) > 5 else ""))
        return np.array([place[node] for node in wanted], dtype=np.intp)
