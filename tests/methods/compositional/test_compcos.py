import numpy as np
import pytest
import torch

from zorse.data import toy_compositional
from zorse.evaluation import evaluate_compositional
from zorse.methods.compositional.compcos import CompCos
from zorse.templates import feasibility

TASK = toy_compositional(n_attributes=4, n_objects=4, n_unseen=4)
X, y = TASK.train
FEW = {"hidden": (12,), "embedding": 8, "dropout": 0.0, "lr": 0.01, "batch_size": 999, "random_state": 0}


def cosine_of(model, x, label):
    """One image with one pair, from the layers."""
    image = model.networks_["image"]
    h = image[0](torch.tensor(x).float())
    h = (h - h.mean()) / (h.var(correction=0) + 1e-5).sqrt() * image[1].weight + image[1].bias
    h = image[4](h.clamp(min=0)).clamp(min=0)
    graph, (a, o) = TASK.classes.graph, TASK.classes.parents[label]
    v = [graph.vectors[graph.nodes.index(word)] for word in (a, o)]
    pair = model.networks_["pair"](torch.tensor(np.concatenate([u / np.linalg.norm(u) for u in v])).float())
    return float(h @ pair / h.norm() / pair.norm())


def test_scores_are_cosines_over_the_temperature():
    model = CompCos(**FEW, epochs=3, temperature=0.1).fit(X, y, classes=TASK.classes)
    scores = model.scores(X[:3])
    for i in range(3):
        for j, label in enumerate(TASK.classes.labels):
            assert scores[i, j] == pytest.approx(cosine_of(model, X[i], label) / 0.1, abs=1e-3)


@pytest.mark.parametrize("margin", [None, 0.7])
def test_the_loss_is_a_softmax_with_margins_for_unseen_pairs(margin):
    # One step whose size is 0: the loss is that of the model that comes out.
    model = CompCos(**FEW | {"lr": 0.0}, epochs=3, margin=margin, margin_epochs=2).fit(X, y, classes=TASK.classes)
    rho = dict(zip(TASK.classes.labels, feasibility(TASK.classes, TASK.seen), strict=True))
    for epoch in range(3):
        alpha = None if margin is None else margin * min(1, epoch / 2)
        total = 0.0
        for x, label in zip(X, y, strict=True):
            weights = {}
            for other in TASK.classes.labels:
                if other in TASK.seen:
                    weights[other] = np.exp(cosine_of(model, x, other) / 0.05)
                elif margin is not None:
                    weights[other] = np.exp((cosine_of(model, x, other) - alpha * rho[other]) / 0.05)
            total -= np.log(weights[label] / sum(weights.values()))
        assert model.history_[epoch]["loss"] == pytest.approx(total / len(X), rel=1e-3)
        if margin is None:
            break


def test_unseen_pairs_of_known_words_are_recognised():
    few = FEW | {"hidden": (32,), "embedding": 16, "batch_size": 32}
    model = CompCos(**few, epochs=30).fit(X, y, classes=TASK.classes)
    assert evaluate_compositional(model, TASK).harmonic > 0.6
