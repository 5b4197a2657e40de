from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.graph.gcnz import GCNZ

TASK = toy_zsl()
X, y = TASK.train
FEW = {"hidden": (16, 16), "dropout": 0.0, "epochs": 30, "lr": 0.01, "random_state": 0, "device": "cpu"}


def naive_classifiers(model, table):
    """The paper's layers node by node, over the links of the table's graph."""
    graph = table.graph
    H = [v / np.linalg.norm(v) for v in graph.vectors]
    links = [{i} for i in range(len(H))]
    for a, b in graph.edges:
        links[a].add(b)
        links[b].add(a)
    layers = list(model.networks_["layers"])
    for layer in layers:
        W, b = layer.weight.double().numpy(), layer.bias.double().numpy()
        out = []
        for i in range(len(H)):
            total = sum(W @ H[j] / np.sqrt(len(links[i]) * len(links[j])) for j in links[i]) + b
            out.append(total if layer is layers[-1] else np.maximum(total, 0.2 * total))
        H = out
    return np.array(
        [H[graph.nodes.index(label)] / np.linalg.norm(H[graph.nodes.index(label)]) for label in table.labels]
    )


def test_predicted_classifiers_follow_the_equations():
    model = GCNZ(**FEW).fit(X, y, classes=TASK.classes)
    expected = naive_classifiers(model, TASK.classes)
    np.testing.assert_allclose(np.column_stack([model.coef_, model.intercept_]), expected, atol=1e-5)
    np.testing.assert_allclose(model.scores(X), np.column_stack([X, np.ones(len(X))]) @ expected.T, atol=1e-4)


def test_the_loss_is_half_the_squared_distance_to_the_unit_classifiers_of_the_seen_classes():
    model = GCNZ(**FEW | {"epochs": 1, "lr": 0.0}).fit(X, y, classes=TASK.classes)
    base = LogisticRegression(max_iter=1000).fit(X, y)
    predicted = dict(zip(model.classes_, np.column_stack([model.coef_, model.intercept_]), strict=True))
    total = 0.0
    for label, w, b in zip(base.classes_, base.coef_, base.intercept_, strict=True):
        target = np.append(w, b) / np.linalg.norm(np.append(w, b))
        total += ((predicted[label] - target) ** 2).sum() / 2
    assert model.history_[0]["regression"] == pytest.approx(total / len(base.classes_), rel=1e-5)


def test_a_node_too_far_away_for_the_layers_changes_nothing_and_a_nearer_one_does():
    # A chain a - b - c - d: two layers carry two steps.
    task = toy_zsl(n_seen=3, n_unseen=1, n_per_class=8)
    labels = task.classes.labels
    chain = replace(task.classes.graph, edges=[(0, 1), (1, 2), (2, 3)])
    table = replace(task.classes, graph=chain)
    model = GCNZ(**FEW | {"hidden": (8,), "epochs": 5}).fit(*task.train, classes=table)

    def classifier_of_first_when_moved(node):
        vectors = chain.vectors.copy()
        vectors[node] = -vectors[node]
        return model.with_candidates(replace(table, graph=replace(chain, vectors=vectors)).select(labels[:1])).coef_

    first = model.with_candidates(labels[:1]).coef_
    np.testing.assert_array_equal(classifier_of_first_when_moved(3), first)
    assert np.abs(classifier_of_first_when_moved(2) - first).max() > 1e-4


def test_without_a_graph_the_nearest_classes_are_linked_and_newcomers_change_nobody():
    bare = replace(TASK.classes, graph=None)
    model = GCNZ(**FEW | {"n_neighbors": 2}).fit(X, y, classes=bare.select(TASK.seen))
    assert len(model.graph_.nodes) == len(TASK.seen)
    before = model.coef_
    both = model.with_candidates(bare)
    places = bare.rows(TASK.seen)
    np.testing.assert_allclose(both.coef_[places], before, atol=1e-6)
    alone = model.with_candidates(bare.select(TASK.unseen))
    np.testing.assert_allclose(alone.coef_, both.coef_[bare.rows(TASK.unseen)], atol=1e-6)


def test_without_a_graph_unseen_classes_are_told_apart():
    task = toy_zsl(n_seen=40, n_unseen=5)
    bare = replace(task.classes, graph=None)
    model = GCNZ(**FEW | {"epochs": 100}).fit(*task.train, classes=bare).with_candidates(bare.select(task.unseen))
    assert model.score(*task.test_unseen) > 2 / len(task.unseen)


def test_a_class_with_another_vector_is_another_node():
    bare = replace(TASK.classes, graph=None)
    model = GCNZ(**FEW).fit(X, y, classes=bare)
    moved = bare.vectors.copy()
    moved[0] = -moved[0]
    again = model.with_candidates(replace(bare, vectors=moved))
    assert np.abs(again.coef_[0] - model.coef_[0]).max() > 1e-3
    np.testing.assert_allclose(again.coef_[1:], model.coef_[1:], atol=1e-6)


def test_row_normalisation_averages():
    # Two linked nodes hear the same mean, so that their classifiers are one.
    task = toy_zsl(n_seen=2, n_unseen=1, n_per_class=8)
    pair = replace(task.classes.graph, edges=[(0, 1)])
    table = replace(task.classes, graph=pair)
    model = GCNZ(**FEW | {"normalization": "rows"}).fit(*task.train, classes=table)
    np.testing.assert_allclose(model.coef_[0], model.coef_[1], atol=1e-6)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="'column'"):
        GCNZ(**FEW | {"normalization": "column"}).fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        GCNZ(**FEW).fit(X[y == y[0]], y[y == y[0]], classes=TASK.classes)
    graph = TASK.classes.graph
    m = len(graph.nodes) - 1
    fewer = replace(graph, nodes=graph.nodes[1:], vectors=graph.vectors[1:], edges=[(0, m - 1)])
    with pytest.raises(InputError, match=graph.nodes[0]):
        GCNZ(**FEW).fit(X, y, classes=replace(TASK.classes, graph=fewer))
    model = GCNZ(**FEW).fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match="new class table has none"):
        model.with_candidates(replace(TASK.classes, graph=None))
    longer = replace(graph, vectors=np.tile(graph.vectors, 2))
    with pytest.raises(InputError, match="got 12"):
        model.with_candidates(replace(TASK.classes, graph=longer))


def test_dropout_is_off_when_predicting():
    model = GCNZ(**FEW | {"dropout": 0.5}).fit(X, y, classes=TASK.classes)
    again = model.with_candidates(TASK.classes)
    np.testing.assert_array_equal(again.coef_, model.coef_)
    assert torch.is_grad_enabled()
