"""Distances and relatives in a hierarchy of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from zorse.core import InputError


class Hierarchy:
    """What each node is a kind of, ready for questions about many nodes at once.

    Parameters
    ----------
    parents : mapping of str to iterable of str
        As ``ClassTable.parents``: a node, and what it is a kind of. A parent need be no key.

    Attributes
    ----------
    nodes : tuple of m str
        Keys first, then parents that are no keys.
    up : csr_array of shape (m, m)
        1 where the column is a parent of the row.
    """

    def __init__(self, parents: Mapping[str, Iterable[str]]):
        edges = [(node, parent) for node, above in parents.items() for parent in above]
        self.nodes = tuple(dict.fromkeys([*parents, *(parent for _, parent in edges)]))
        self._place = {node: i for i, node in enumerate(self.nodes)}
        ends = np.array([(self._place[a], self._place[b]) for a, b in edges], dtype=np.int32).reshape(-1, 2)
        m = len(self.nodes)
        self.up = csr_array((np.ones(len(ends), dtype=np.float32), (ends[:, 0], ends[:, 1])), shape=(m, m))

    def rows(self, labels: Iterable) -> np.ndarray:
        """Row of each label, found as ``str(label)``; one that is no node is an InputError that names it."""
        wanted = [str(label) for label in labels]
        missing = [node for node in wanted if node not in self._place]
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise InputError(f"not in the hierarchy: {', '.join(missing[:5])}{more}")
        return np.array([self._place[node] for node in wanted], dtype=np.intp)

    def distances(self, sources: Iterable, targets: Iterable | None = None) -> np.ndarray:
        """Fewest edges, up or down, between labels: shape (s, t), infinite where nothing connects them.

        Cost: O(s m) time and, beside the result, memory for 256 rows of the whole hierarchy. Without ``targets``, all
        nodes are.
        """
        rows = self.rows(sources)
        columns = np.arange(len(self.nodes)) if targets is None else self.rows(targets)
        found = np.empty((len(rows), len(columns)))
        for at in range(0, len(rows), 256):
            part = dijkstra(self.up, directed=False, indices=rows[at : at + 256], unweighted=True)
            found[at : at + 256] = part[:, columns]
        return found

    def from_nearest(self, sources: Iterable) -> np.ndarray:
        """Fewest edges from each node to the nearest of ``sources``, shape (m,), infinite where there is no way."""
        return dijkstra(self.up, directed=False, indices=self.rows(sources), unweighted=True, min_only=True)

    def steps_up_to(self, node: str) -> np.ndarray:
        """Fewest edges from each node up to ``node``, shape (m,), infinite for those that are not below it."""
        return dijkstra(self.up.T, directed=True, indices=self.rows([node])[0], unweighted=True)

    def ancestors(self, labels: Iterable) -> csr_array:
        """Everything above each label, itself included: boolean, shape (s, m)."""
        rows = self.rows(labels)
        reached = csr_array(
            (np.ones(len(rows), bool), (np.arange(len(rows)), rows)), shape=(len(rows), len(self.nodes))
        )
        step = self.up.astype(bool)
        while True:
            grown = (reached + reached @ step).astype(bool)
            if grown.nnz == reached.nnz:
                return grown
            reached = grown
