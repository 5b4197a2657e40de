import numpy as np
import pytest

from zorse.core import ClassGraph, InputError
from zorse.semantics import ontology_embedding

# Three families of four under a parent each (relation 0), and a trait that joins families one and two (relation 1).
PARENTS = [12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14]
EDGES = [(i, p) for i, p in enumerate(PARENTS)] + [(12, 15), (13, 15), (14, 16)]
RELATIONS = [0] * 12 + [1] * 3
NODES = tuple(f"n{i}" for i in range(17))
FEW = {"dim": 8, "epochs": 200, "lr": 0.02, "batch_size": 15, "random_state": 0, "device": "cpu", "margin": 4.0}


def graph(vectors=None):
    vectors = np.random.RandomState(0).randn(17, 5) if vectors is None else vectors
    return ClassGraph(NODES, vectors, EDGES, RELATIONS)


def test_brothers_come_out_nearer_than_strangers():
    structure = ontology_embedding(graph(), **FEW)[:, :8]
    distance = np.abs(structure[:12, None] - structure[None, :12]).sum(axis=2)
    family = np.array(PARENTS)
    brothers = (family[:, None] == family) & ~np.eye(12, dtype=bool)
    assert distance[brothers].mean() < 0.8 * distance[family[:, None] != family].mean()


def test_a_triple_has_less_energy_than_false_ones():
    embedded = ontology_embedding(graph(), **FEW)
    s, d = embedded[:, :8], embedded[:, 8:]
    # The relation is not returned: what it must be is the mean step of its triples.
    heads, tails = np.array(EDGES[:12]).T
    step = np.mean([a[tails] - b[heads] for a in (s, d) for b in (s, d)], axis=(0, 1))
    energy = lambda h, t: sum(np.abs(a[h] + step - b[t]).sum() for a in (s, d) for b in (s, d))  # noqa: E731
    wins = [energy(h, t) < energy(h, other) for h, t in EDGES[:12] for other in (12, 13, 14) if other != t]
    assert np.mean(wins) > 0.9


def test_equal_texts_give_equal_textual_vectors_and_place_alone_decides_the_rest():
    embedded = ontology_embedding(graph(np.ones((17, 5))), **FEW | {"epochs": 3})
    np.testing.assert_allclose(embedded[:, 8:], np.broadcast_to(embedded[0, 8:], (17, 8)), atol=1e-6)
    assert len(np.unique(embedded[:, :8].round(6), axis=0)) == 17


def test_one_seed_one_embedding():
    few = FEW | {"epochs": 2}
    first = ontology_embedding(graph(), **few)
    np.testing.assert_array_equal(ontology_embedding(graph(), **few), first)
    assert np.abs(ontology_embedding(graph(), **few | {"random_state": 1}) - first).max() > 0


def test_a_graph_without_edges_is_refused():
    with pytest.raises(InputError, match="at least one edge"):
        ontology_embedding(ClassGraph(("a",), np.eye(1), []))
