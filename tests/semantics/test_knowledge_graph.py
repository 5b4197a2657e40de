from dataclasses import replace

import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.semantics import attribute_view, knowledge_graph_embedding

TASK = toy_zsl(n_seen=20, n_unseen=4)
X, y = TASK.train
FEW = {"hidden": 32, "dim": 12, "epochs": 150, "lr": 0.01, "C": 10.0, "random_state": 0, "device": "cpu"}


def test_the_attribute_view_joins_classes_to_what_they_have():
    table = ClassTable(np.array(["a", "b", "c"]), np.array([[1.0, 0.2], [0.0, 0.4], [0.8, 0.6]]))
    view = attribute_view(table, above=0.5)
    assert view.nodes == ("a", "b", "c", "attribute 0", "attribute 1")
    assert {tuple(edge) for edge in view.edges.tolist()} == {(3, 0), (3, 2), (4, 2)}
    np.testing.assert_allclose(view.vectors[3], (table.vectors[0] + table.vectors[2]) / 2)
    np.testing.assert_allclose(view.vectors[4], table.vectors[2])
    by_mean = {tuple(edge) for edge in attribute_view(table).edges.tolist()}
    assert by_mean == {(3, 0), (3, 2), (4, 2)}  # means .6 and .4; an entry at the mean is not above it


def test_a_classifier_on_the_embedding_tells_unseen_classes_apart():
    vectors = knowledge_graph_embedding(X, y, TASK.classes, **FEW)
    assert vectors.shape == (24, 24)
    assert (vectors >= 0).all()
    table = replace(TASK.classes, vectors=vectors)
    model = ESZSL().fit(X, y, classes=table).with_candidates(TASK.unseen)
    assert model.score(*TASK.test_unseen) > 1.5 / len(TASK.unseen)


def test_views_stand_side_by_side_and_rows_follow_the_table():
    views = [attribute_view(TASK.classes)]
    one = knowledge_graph_embedding(X, y, TASK.classes, views, **FEW | {"epochs": 3})
    both = knowledge_graph_embedding(X, y, TASK.classes, views * 2, **FEW | {"epochs": 3})
    np.testing.assert_array_equal(both[:, :12], one)
    order = np.random.RandomState(0).permutation(24)
    turned = TASK.classes.select(TASK.classes.labels[order])
    again = knowledge_graph_embedding(X, y, turned, views, **FEW | {"epochs": 3})
    np.testing.assert_allclose(again, one[order], atol=1e-4)


def test_a_class_that_is_no_node_is_named():
    graph = TASK.classes.graph
    renamed = replace(graph, nodes=("other", *graph.nodes[1:]))
    with pytest.raises(InputError, match=graph.nodes[0]):
        knowledge_graph_embedding(X, y, TASK.classes, [renamed], **FEW)
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        knowledge_graph_embedding(X[y == y[0]], y[y == y[0]], TASK.classes, **FEW)
