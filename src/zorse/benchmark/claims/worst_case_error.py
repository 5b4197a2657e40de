"""Which classes will be confused, told from attributes and detectors alone."""

import numpy as np
from scipy.stats import spearmanr

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import thinned, with_unit_features
from zorse.benchmark.tune import class_folds, tune
from zorse.data import ZeroShotTask
from zorse.evaluation import pairwise_error, worst_case_error
from zorse.methods.compatibility.dap import DAP
from zorse.methods.compatibility.sae import SAE

CLAIM = "The bound on pairs of classes, known before an unseen image is, tells which classes will be confused."
BASELINE = "no relation (0)"
METRIC = "Spearman correlation, over pairs of unseen classes, of the bound with the share of images confused"
TASKS = ("awa19",)
NOTE = (
    "Ten pairs of five unseen animals a split. The class-attribute matrix is AwA's continuous one. Confusion is that "
    "of DAP and of SAE (parameters chosen on held-out training classes), averaged: the share of two classes' images "
    "that are closer to the other of the two. The slack is what detectors of attributes (DAP's) miss on held-out "
    "training classes; it was fixed before anything was measured, since without it 85 attributes leave every "
    "pair a bound near 0. The features come from a network that was trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """The correlation, and 0."""
    task = thinned(with_unit_features(task), per_class=60)
    table, (X, y) = task.classes, task.train
    detectors = DAP().fit(X, y, classes=table)
    misses = np.zeros(table.n_semantics)
    for fold in class_folds(y):
        model = DAP().fit(X[fold.train], y[fold.train], classes=table)
        fired = 1 / (1 + np.exp(-(X[fold.test_unseen] @ model.weights_ + model.intercept_)))
        held = y[fold.test_unseen]
        for label in np.unique(held):
            misses += np.abs(fired[held == label].mean(axis=0) - table.select([label]).vectors[0]) / len(task.seen)
    bound = pairwise_error(table.select(task.unseen).vectors, misses)
    X, y = task.test_unseen
    sae = tune(SAE(), {"lam": [0.1, 1.0, 10.0], "direction": ["encode", "decode"]}, task, per_class=30)
    pairs = [(a, b) for a in range(len(task.unseen)) for b in range(a)]
    confused = np.zeros(len(pairs))
    for model in (detectors, sae):
        for i, (a, b) in enumerate(pairs):
            two = task.unseen[[a, b]]
            of_two = np.isin(y, two)
            confused[i] += np.mean(model.with_candidates(two).predict(X[of_two]) != y[of_two])
    found = spearmanr([bound[pair] for pair in pairs], confused).statistic
    return float(found) if np.isfinite(found) else 0.0, 0.0


def compare() -> Agreement:
    """Two classes by hand: (1 - the largest difference of an attribute) / 2."""
    rng = np.random.default_rng(0)
    difference = 0.0
    for m in (1, 2, 3, 5):
        M = rng.random((2, m))
        difference = max(difference, abs(worst_case_error(M).error - (1 - np.abs(M[0] - M[1]).max()) / 2))
    return Agreement("the closed form for two classes", "bound on 2 x m matrices, m up to 5", float(difference), 1e-8)
