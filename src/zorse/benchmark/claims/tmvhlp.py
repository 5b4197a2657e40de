"""TMV-HLP against the nearest prototype of the same predicted class vectors."""

import numpy as np
from sklearn.base import clone

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import thinned, with_unit_features, with_views
from zorse.benchmark.tune import accuracy_on_unseen, choose
from zorse.data import ZeroShotTask, toy_zsl
from zorse.evaluation import mean_class_accuracy
from zorse.methods.transductive.tmvhlp import TMVHLP, unit_spaces
from zorse.nn.search import nearest
from zorse.nn.vectors import cosine

CLAIM = "Embedding unlabelled samples by all their views and spreading labels there undoes the projection domain shift."
BASELINE = "nearest prototype, without unlabelled samples"
METRIC = "mean class accuracy over unseen classes, whose samples are known without labels"
TASKS = ("awa19", "tiny160")
SEEDS = 5
NOTE = (
    "The unlabelled samples are the test samples of the unseen classes, as the field does. Views: ConceptNet and "
    "word2vec vectors (tiny160), continuous and binary attributes (awa19). Both sides share the regression to class "
    "vectors, its penalty, and at most 20 training samples a class; the penalty, the covariance's ridge and the size "
    "of hyperedges are chosen on held-out training classes. Features come from a network that was trained on ImageNet."
)
GRID = {"penalty": [0.1, 1.0], "ridge": [0.3, 3.0], "k": [10, 30]}


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """The whole method, and its predicted class vectors alone."""
    task = with_views(thinned(with_unit_features(task), per_class=20))
    X, y = task.test_unseen
    best = choose(TMVHLP(), GRID, task, folds=2)
    model = clone(TMVHLP()).set_params(**best.params).fit(*task.train, classes=task.classes, unlabelled=X)
    unseen = task.classes.select(task.unseen)
    spaces = unit_spaces(unseen)
    predicted = model._views(model.unlabelled_.astype(float), [space.shape[1] for space in spaces])[1:]
    scores = np.mean([cosine(vectors, space) for vectors, space in zip(predicted, spaces, strict=True)], axis=0)
    return accuracy_on_unseen(model, task), mean_class_accuracy(y, unseen.labels[scores.argmax(axis=1)])


def compare() -> Agreement:
    """The paper's Z by a dense solve, its walk built node by node."""
    task = toy_zsl(n_seen=10, n_unseen=4, n_per_class=15)
    X = task.test_unseen[0]
    model = TMVHLP(k=6, balance=False).fit(*task.train, classes=task.classes, unlabelled=X).with_candidates(task.unseen)
    total, walks = len(model.nodes_[0]), []
    for one in model.nodes_:
        for other in model.nodes_:
            index, likeness = nearest(one, other, model.k)
            h = np.zeros((total, total))
            for e in range(total):
                h[index[e], e] = np.maximum(likeness[e], 1e-6)
            w = h.sum(axis=0) / (h > 0).sum(axis=0)
            degree = h @ w
            # A node that is in no hyperedge of this pair has no step to take, and no weight below.
            step = (h * w / h.sum(axis=0)) @ h.T / np.maximum(degree, np.finfo(float).tiny)[:, None]
            walks.append((degree / degree.sum(), step))
    pi = np.mean([p for p, _ in walks], axis=0)
    P = sum((p / (len(walks) * pi))[:, None] * steps for p, steps in walks)
    Pi, eta = np.diag(pi), 1 / model.alpha - 1
    L = Pi - (Pi @ P + P.T @ Pi) / 2
    Z = eta * np.linalg.solve(eta * Pi + L, Pi @ np.eye(total)[:, len(X) :])
    difference = np.abs(model.labels_ - Z).max() / np.abs(Z).max()
    return Agreement(
        "the paper's equations, solved densely", "labels, relative to the largest", float(difference), 1e-4
    )
