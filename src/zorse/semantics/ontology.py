"""Class vectors from an ontology: structure and text of its nodes, embedded in one space."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core.device import resolve_device
from zorse.core.errors import InputError
from zorse.core.graph import ClassGraph
from zorse.core.random import seeded
from zorse.nn.translation import corrupted, translation_energy, triple_keys
from zorse.nn.vectors import unit_rows
from zorse.training import Clock, MiniBatches, Turn, train


def ontology_embedding(
    graph: ClassGraph,
    *,
    dim: int = 100,
    margin: float = 10.0,
    epochs: int = 1000,
    batch_size: int = 100,
    lr: float = 1e-3,
    random_state: int | np.random.RandomState | None = None,
    device: str = "auto",
) -> np.ndarray:
    r"""Embed every node of ``graph`` by a translation model that sees structure and text, as OntoZSL's encoder does.

    A node has a structural vector s = tanh(e), with e learned for each, and a textual one d = tanh(V v + b) of its word
    vector v; a relation is a vector r. The energy of a triple is

        E(h, r, t) = sum over x in {s, d} of h and y in {s, d} of t of ||x_h + r - y_t||_1,

    and it minimises max(0, margin + E(h, r, t) - E(h, r, t')) + max(0, margin + E(h, r, t) - E(h', r, t)), t' and h'
    being drawn among the nodes that make the triple false.

    Parameters
    ----------
    graph : ClassGraph
        At least one edge. ``vectors`` are the texts of the nodes; ``relations`` the kinds of edges, one without it.
    dim : int
        Length p of each of the two vectors.
    margin : float
    epochs : int
    batch_size : int
        Edges a step.
    lr : float
        Of Adam.
    random_state : int, RandomState or None
    device : str

    Returns
    -------
    ndarray of shape (m, 2 p)
        Structural and textual vector of each node, side by side, in the order of ``graph.nodes``.

    Raises
    ------
    InputError
        If the graph has no edge.

    Notes
    -----
    Differs from the paper: structural vectors are learned together with the rest, where the released encoder trains
    them alone first; its further energy of the two sums s + d is left out.

    Cost: O(epochs e k p) for e edges and text vectors of length k.

    References
    ----------
    Geng, Chen, Chen, Pan, Ye, Yuan, Jia and Chen, "OntoZSL: ontology-enhanced zero-shot learning", WWW 2021.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from zorse.data import toy_zsl
    >>> table = toy_zsl().classes
    >>> vectors = ontology_embedding(table.graph, dim=4, epochs=2, random_state=0)
    >>> table = replace(table, vectors=vectors[table.graph.rows(table.labels)])
    >>> table.vectors.shape
    (11, 8)
    """
    if not len(graph.edges):
        raise InputError("an ontology needs at least one edge to learn from; the graph has none")
    place, m = resolve_device(device), len(graph.nodes)
    kind = np.zeros(len(graph.edges), dtype=np.int64) if graph.relations is None else graph.relations
    triples = torch.as_tensor(np.stack([graph.edges[:, 0], kind, graph.edges[:, 1]], axis=1)).to(place)
    known = triple_keys(triples, m)
    text = torch.as_tensor(unit_rows(graph.vectors), dtype=torch.float32, device=place)
    with seeded(random_state) as generator:
        structure = nn.Parameter((torch.randn(m, dim) / dim**0.5).to(place))
        relation = nn.Parameter((torch.randn(int(kind.max()) + 1, dim) / dim**0.5).to(place))
        project = nn.Linear(text.shape[1], dim).to(place)

        def views(nodes: Tensor) -> list[Tensor]:
            return [torch.tanh(structure[nodes]), torch.tanh(project(text[nodes]))]

        def energy(batch: Tensor) -> Tensor:
            return translation_energy(views(batch[:, 0]), relation[batch[:, 1]], views(batch[:, 2]))

        def loss(batch: tuple[Tensor], clock: Clock) -> Tensor:
            true = energy(batch[0])
            false = [energy(corrupted(batch[0], column, m, known, generator)) for column in (2, 0)]
            return sum((margin + true - other).clamp(min=0).mean() for other in false)  # type: ignore[return-value]

        params = [structure, relation, *project.parameters()]
        turn = Turn("margin", loss, params, lambda p: torch.optim.Adam(p, lr=lr))
        train([turn], MiniBatches(triples, size=batch_size, generator=generator), epochs=epochs)
        with torch.no_grad():
            return torch.cat(views(torch.arange(m, device=place)), dim=1).cpu().double().numpy()
