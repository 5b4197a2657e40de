"""What methods share that predict the classifiers of unseen classes from a graph of all classes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from zorse.core import ClassGraph, ClassTable, InputError, Traits, ZeroShotClassifier, resolve_device, seeded
from zorse.nn.graph import adjacency, nearest_edges
from zorse.nn.vectors import unit_rows
from zorse.training import MiniBatches, Turn, softmax_regression, train


class GraphClassifier(ZeroShotClassifier):
    """Learn linear classifiers of the seen classes, regress them from the nodes of a graph, read off all others.

    A method writes ``_layers``, ``_structure`` and ``_node_weights``. Constructor parameters that every method
    declares: ``C``, ``n_neighbors``, ``epochs``, ``lr``, ``weight_decay``, ``device``, ``random_state``.

    The graph is the class table's ``graph``, its edges taken both ways. A table without one is its own graph: a node a
    class, edges between each and its ``n_neighbors`` nearest by cosine of class vectors, where that is above 0; a class
    that joins later hears of its nearest and is not heard, so that no other class changes.

    Attributes
    ----------
    networks_ : ModuleDict
    graph_ : ClassGraph or None, the table's own graph where it brought none
    history_ : list of dict, mean loss of each epoch
    coef_, intercept_ : ndarrays (c, d) and (c,), classifiers of the candidates
    """

    traits = Traits()
    networks_: nn.ModuleDict
    C: float
    n_neighbors: int
    epochs: int
    lr: float
    weight_decay: float
    device: str
    random_state: Any

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        seen, target = np.unique(rows, return_inverse=True)
        if len(seen) < 2:
            name = type(self).__name__
            raise InputError(f"{name} needs at least two seen classes; got {table.labels[seen][0]!s} alone")
        device = resolve_device(self.device)
        self.graph_ = None if table.graph is not None else self._own_graph(table)
        H, structure, nodes = self._nodes(table, device)
        nodes = nodes[seen]
        self.n_node_features_ = H.shape[1]
        with seeded(self.random_state) as generator:
            self.networks_ = self._layers(H.shape[1], X.shape[1] + 1).to(device)
            predict = partial(self._node_weights, structure, H, nodes, training=True)
            turn, batches = self._turn(predict, X, target, generator)
            steps = None if isinstance(batches, MiniBatches) else 1
            self.history_ = train([turn], batches, epochs=self.epochs, steps_per_epoch=steps)
        self.networks_.requires_grad_(False).eval()

    def _turn(
        self, predict: Callable[[], Tensor], X: np.ndarray, target: np.ndarray, generator: torch.Generator
    ) -> tuple[Turn, Iterable]:
        """What is learned from X (n, d) of seen classes ``target`` (n,), whose classifiers ``predict()`` gives."""
        device = resolve_device(self.device)
        weights = torch.as_tensor(unit_rows(np.column_stack(softmax_regression(X, target, self.C)))).float().to(device)
        loss = lambda batch, clock: (predict() - weights).square().sum(dim=1).mean() / 2  # noqa: E731
        return Turn("regression", loss, self.networks_.parameters(), self._optimizer), repeat(None)

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(params, lr=self.lr, weight_decay=self.weight_decay)

    @torch.no_grad()
    def _prepare(self, table: ClassTable) -> None:
        device = resolve_device(self.device)
        self.networks_.to(device)  # after loading they lie on the CPU
        H, structure, nodes = self._nodes(table, device)
        if H.shape[1] != self.n_node_features_:
            raise InputError(f"expected nodes with {self.n_node_features_} features, as in fit; got {H.shape[1]}")
        weights = self._node_weights(structure, H, nodes, training=False).cpu().double().numpy()
        self.coef_, self.intercept_ = weights[:, :-1], weights[:, -1]

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return X @ self.coef_.T + self.intercept_

    def _own_graph(self, table: ClassTable) -> ClassGraph:
        return ClassGraph(tuple(map(str, table.labels)), table.vectors, self._near(table.vectors))

    def _near(self, vectors: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
        return nearest_edges(vectors, self.n_neighbors, among, above=0.0)

    def _nodes(self, table: ClassTable, device: torch.device) -> tuple[Tensor, Any, Tensor]:
        """Vectors (m, k) of the nodes, what ``_structure`` made of their links, and the node of each class (c,)."""
        if table.graph is not None:
            graph, vectors = table.graph, table.graph.vectors
            A = adjacency(graph.edges, len(vectors), self_loops=False)
            nodes = graph.rows(table.labels)
        elif self.graph_ is None:
            raise InputError(f"{type(self).__name__} was fitted with a graph; the new class table has none")
        else:
            graph = self.graph_
            place = {node: i for i, node in enumerate(graph.nodes)}
            nodes = np.array([place.get(str(label), -1) for label in table.labels], dtype=np.intp)
            new = (nodes < 0) | (graph.vectors[nodes] != table.vectors).any(axis=1)
            m = len(graph.vectors)
            nodes[new] = m + np.arange(new.sum())
            joining = self._near(table.vectors[new], graph.vectors) + np.array([0, m])
            edges = np.concatenate([graph.edges, graph.edges[:, ::-1], joining])
            vectors = np.concatenate([graph.vectors, table.vectors[new]])
            A = adjacency(edges, len(vectors), directed=True, self_loops=False)
        H = torch.as_tensor(unit_rows(vectors), dtype=torch.float32, device=device)
        return H, self._structure(A, device), torch.as_tensor(nodes, device=device)

    @abstractmethod
    def _layers(self, k: int, d: int) -> nn.ModuleDict:
        """Networks from node vectors of length ``k`` to classifiers of length ``d``, the last entry the intercept."""

    @abstractmethod
    def _structure(self, A: csr_matrix, device: torch.device) -> Any:
        """What ``_node_weights`` needs to know of the links A (m, m), without self-loops; A[i, j]: i hears of j."""

    @abstractmethod
    def _node_weights(self, structure: Any, H: Tensor, nodes: Tensor, *, training: bool) -> Tensor:
        """Classifiers (c, d) of ``nodes`` (c,) from all vectors H (m, k)."""
