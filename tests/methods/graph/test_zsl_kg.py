from dataclasses import replace

import numpy as np
import pytest
import torch

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.graph.zsl_kg import ZSLKG

TASK = toy_zsl()
X, y = TASK.train
FEW = {"hidden": 8, "neighbors": (3, 2), "walk_length": 2, "epochs": 8, "lr": 0.01, "random_state": 0, "device": "cpu"}


def naive_sets(graph, size, steps):
    """The nodes most visited from each, by walking every walk."""
    links = [[] for _ in graph.nodes]
    for a, b in graph.edges:
        links[a].append(int(b))
        links[b].append(int(a))
    sets = []
    for start in range(len(links)):
        visits, at = {}, {start: 1.0}
        for _ in range(steps):
            step = {}
            for node, p in at.items():
                for other in links[node]:
                    step[other] = step.get(other, 0) + p / len(links[node])
            for node, p in step.items():
                visits[node] = visits.get(node, 0) + p
            at = step
        others = sorted((n for n in visits if n != start), key=lambda n: (-round(visits[n], 12), n))
        sets.append([start, *others[:size]])
    return sets


def naive_layer(H, members, layers):
    """One TrGCN layer for one node, one member of the set at a time."""
    part = {name: layer for name, layer in layers["set"].items()}
    inside = []
    for u in members:
        fed = part["outer"](torch.relu(part["inner"](H[u])))
        inside.append(part["norm_inner"](H[u] + fed))
    out = []
    for x in inside:
        scores = torch.stack([part["query"](x) @ part["key"](other) for other in inside])
        share = torch.softmax(scores / len(part["query"](x)) ** 0.5, dim=0)
        heard = sum(p * part["value"](other) for p, other in zip(share, inside, strict=True))
        out.append(part["norm"](x + part["join"](heard)))
    return layers["out"](sum(out) / len(out))


def test_predicted_classifiers_follow_the_equations():
    model = ZSLKG(**FEW).fit(X, y, classes=TASK.classes)
    graph = TASK.classes.graph
    H = [torch.tensor(v / np.linalg.norm(v)).float() for v in graph.vectors]
    first, second = (naive_sets(graph, size, 2) for size in (3, 2))
    hidden = [naive_layer(H, members, model.networks_["first"]) for members in first]
    hidden = [torch.maximum(h, 0.2 * h) for h in hidden]
    hidden = [h / h.norm() for h in hidden]
    for i, label in enumerate(TASK.classes.labels):
        out = naive_layer(hidden, second[graph.nodes.index(label)], model.networks_["second"])
        np.testing.assert_allclose(
            np.append(model.coef_[i], model.intercept_[i]), (out / out.norm()).numpy(), atol=1e-5
        )


def test_the_order_of_nodes_and_edges_means_nothing():
    graph = TASK.classes.graph
    order = np.random.RandomState(0).permutation(len(graph.nodes))
    turned = replace(
        graph,
        nodes=tuple(graph.nodes[i] for i in order),
        vectors=graph.vectors[order],
        edges=np.argsort(order)[graph.edges][::-1],
    )
    model = ZSLKG(**FEW | {"neighbors": (20, 20)}).fit(X, y, classes=TASK.classes)
    again = model.with_candidates(replace(TASK.classes, graph=turned))
    np.testing.assert_allclose(again.coef_, model.coef_, atol=1e-5)


def test_training_brings_the_loss_down_and_unseen_classes_apart():
    task = toy_zsl(n_seen=40, n_unseen=5)
    model = ZSLKG(**FEW | {"epochs": 100, "hidden": 32, "dropout": 0.0}).fit(*task.train, classes=task.classes)
    assert model.history_[-1]["regression"] < model.history_[0]["regression"] / 2
    assert model.with_candidates(task.unseen).score(*task.test_unseen) > 2 / len(task.unseen)


def test_bad_sizes_are_named():
    with pytest.raises(InputError, match=r"neighbors=\(0, 2\)"):
        ZSLKG(**FEW | {"neighbors": (0, 2)}).fit(X, y, classes=TASK.classes)
