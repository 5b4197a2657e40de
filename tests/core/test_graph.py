import numpy as np
import pytest

from zorse.core import ClassGraph, ClassTable, InputError, load, save
from zorse.methods.compatibility.eszsl import ESZSL


def test_nodes_are_found_by_name():
    graph = ClassGraph(["zebra", "horse", "3"], np.eye(3), [[0, 1], [1, 2]])
    assert graph.rows([3, "zebra"]).tolist() == [2, 0]
    with pytest.raises(InputError, match="not in the graph: donkey"):
        graph.rows(["horse", "donkey"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vectors": np.eye(2)}, "one row a node"),
        ({"nodes": ["a", "b", "a"]}, "'a' occurs more than once"),
        ({"vectors": np.diag([1.0, np.inf, 1.0])}, "not so for 'b'"),
        ({"edges": [[0, 3]]}, "rows from 0 to 2"),
        ({"relations": [0]}, "one an edge"),
    ],
)
def test_a_broken_graph_is_refused(change, told):
    whole = {"nodes": ["a", "b", "c"], "vectors": np.eye(3), "edges": [[0, 1], [1, 2]]}
    with pytest.raises(InputError, match=told):
        ClassGraph(**whole | change)


def test_a_model_keeps_everything_its_table_holds(tmp_path):
    graph = ClassGraph(["ant", "insect"], np.eye(2), [[0, 1]], [0])
    table = ClassTable(["ant", "bee"], np.eye(2), views=[np.ones((2, 3))], parents={"ant": ("insect",)}, graph=graph)
    save(ESZSL().fit(np.eye(2), table.labels, classes=table), tmp_path / "model")
    kept = load(tmp_path / "model").candidates_
    assert kept.parents == {"ant": ("insect",)}
    assert kept.graph.nodes == graph.nodes
    np.testing.assert_array_equal(kept.graph.edges, graph.edges)
    np.testing.assert_array_equal(kept.graph.relations, [0])
    np.testing.assert_array_equal(kept.views[0], np.ones((2, 3)))
