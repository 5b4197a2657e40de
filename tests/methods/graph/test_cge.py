import numpy as np
import pytest
import torch

from zorse.data import open_world, toy_compositional
from zorse.evaluation import evaluate_compositional
from zorse.methods.graph.cge import CGE

TASK = toy_compositional(n_attributes=4, n_objects=4, n_unseen=4)
X, y = TASK.train
FEW = {"hidden": 16, "dropout": 0.0, "lr": 0.01, "epochs": 5, "batch_size": 32, "random_state": 0, "device": "cpu"}


def naive_classifiers(model, table):
    """The paper's graph from the pairs alone, convolved node by node."""
    attributes, objects = (sorted({table.parents[label][i] for label in table.labels}) for i in (0, 1))
    graph = table.graph
    vector = {word: graph.vectors[graph.nodes.index(word)] for word in attributes + objects}
    H = {("a", a): vector[a] for a in attributes} | {("o", o): vector[o] for o in objects}
    links = {node: {node} for node in H}
    for label in table.labels:
        a, o = table.parents[label]
        H["p", label] = (vector[a] + vector[o]) / 2
        links["p", label] = {("p", label), ("a", a), ("o", o)}
        links["a", a] |= {("o", o), ("p", label)}
        links["o", o] |= {("a", a), ("p", label)}
    H = {node: v / np.linalg.norm(v) for node, v in H.items()}
    layers = list(model.networks_["layers"])
    for layer in layers:
        W, b = layer.weight.double().numpy(), layer.bias.double().numpy()
        H = {node: sum(W @ H[other] for other in links[node]) / len(links[node]) + b for node in H}
        if layer is not layers[-1]:
            H = {node: h.clip(min=0) for node, h in H.items()}
    return np.array([H["p", label] / np.linalg.norm(H["p", label]) for label in table.labels])


def test_predicted_classifiers_follow_the_equations():
    model = CGE(**FEW).fit(X, y, classes=TASK.classes)
    expected = naive_classifiers(model, TASK.classes)
    np.testing.assert_allclose(model.coef_, expected, atol=1e-5)
    np.testing.assert_allclose(model.scores(X), X @ expected.T, atol=1e-4)


def test_the_loss_is_a_softmax_over_seen_pairs():
    model = CGE(**FEW | {"lr": 0.0, "epochs": 1, "batch_size": 999}).fit(X, y, classes=TASK.classes)
    scores = model.with_candidates(TASK.seen).scores(X)
    place = {label: i for i, label in enumerate(TASK.seen)}
    total = 0.0
    for row, label in zip(scores, y, strict=True):
        total -= row[place[label]] - np.log(sum(np.exp(s) for s in row))
    assert model.history_[0]["softmax"] == pytest.approx(total / len(y), rel=1e-4)


def test_a_network_for_features_comes_before_the_product():
    model = CGE(**FEW, image_hidden=(12,), embedding=8).fit(X, y, classes=TASK.classes)
    with torch.no_grad():
        image = model.networks_["image"](torch.tensor(X).float()).numpy()
    assert (image >= 0).all()
    np.testing.assert_allclose(model.scores(X), image @ model.coef_.T, atol=1e-4)


def test_an_open_world_brings_its_own_graph():
    model = CGE(**FEW).fit(X, y, classes=TASK.classes.select(TASK.classes.labels))
    opened = open_world(TASK.classes)
    np.testing.assert_allclose(model.with_candidates(opened).coef_, naive_classifiers(model, opened), atol=1e-5)


def test_unseen_pairs_of_known_words_are_recognised():
    model = CGE(**FEW | {"epochs": 40, "hidden": 32}).fit(X, y, classes=TASK.classes)
    assert evaluate_compositional(model, TASK).harmonic > 0.6
