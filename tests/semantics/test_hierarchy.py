import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.semantics import hierarchy_graph

PARENTS = {"a": ("p", "q"), "b": ("p",), "c": ("q",), "p": ("top",), "q": ("top",), "d": ("c",), "unused": ("top",)}
VECTORS = np.array([[1.0, 0], [0, 1], [2, 2], [4, 0]])


def test_classes_and_all_above_them_are_joined():
    graph = hierarchy_graph(ClassTable(np.array(list("abcd")), VECTORS, parents=PARENTS))
    assert graph.nodes == ("a", "b", "c", "d", "p", "q", "top")
    edges = {(graph.nodes[i], graph.nodes[j]) for i, j in graph.edges}
    assert edges == {(parent, child) for child, all_ in PARENTS.items() if child != "unused" for parent in all_}
    np.testing.assert_array_equal(graph.vectors[:4], VECTORS)  # c is a class with a class below it
    np.testing.assert_allclose(graph.vectors[4], VECTORS[:2].mean(axis=0))
    np.testing.assert_allclose(graph.vectors[5], VECTORS[[0, 2, 3]].mean(axis=0))
    np.testing.assert_allclose(graph.vectors[6], VECTORS.mean(axis=0))  # a once, though two ways lead to it


def test_a_circle_and_a_missing_hierarchy_are_refused():
    with pytest.raises(InputError, match="'a' is above itself"):
        hierarchy_graph(ClassTable(np.array(["a"]), np.eye(1), parents={"a": ("b",), "b": ("a",)}))
    with pytest.raises(InputError, match="no parents"):
        hierarchy_graph(ClassTable(np.array(["a"]), np.eye(1)))
