"""A method that looks at patches against itself on each image's mean patch, both tuned alike."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from zorse.benchmark.patches import pooled
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.core import ZeroShotClassifier, ZeroShotTagger
from zorse.data import TagTask, ZeroShotTask
from zorse.evaluation import mean_image_average_precision


def looking_and_pooling(model: ZeroShotClassifier, grid: dict, task: ZeroShotTask) -> tuple[float, float]:
    """Accuracy on unseen classes of ``model`` on patches and on mean patches, tuned on held-out training classes."""
    looks, pools = (tune(model, grid, t, folds=3, per_class=20) for t in (task, pooled(task)))
    return accuracy_on_unseen(looks, task), accuracy_on_unseen(pools, pooled(task))


def tagging_unseen(model: ZeroShotTagger, task: TagTask) -> float:
    """MiAP over the unseen tags alone of the test samples, of a model fitted on ``task``."""
    X, Y = task.test
    unseen = np.isin(task.classes.labels, task.unseen)
    return mean_image_average_precision(Y[:, unseen], model.with_candidates(task.classes).scores(X)[:, unseen])


def tuned_tagger(model: ZeroShotTagger, grid: dict | list[dict], task: TagTask, seed: int) -> ZeroShotTagger:
    """``model`` fitted on all of the training with the point of ``grid`` that tags best what it was not told.

    A third of the seen tags and a third of the training samples, drawn by ``seed``, are held out for the choice.
    """
    rng, points = np.random.default_rng(seed), list(ParameterGrid(grid))
    X, Y = task.train
    at = rng.permutation(len(X))
    often = task.seen[Y[:, task.classes.rows(task.seen)].sum(axis=0) >= 3]
    hidden = rng.permutation(often)[: len(task.seen) // 3]
    table = task.classes.select(task.seen)
    Y = Y[:, task.classes.rows(task.seen)]
    part = TagTask(X, Y, table, np.setdiff1d(task.seen, hidden), at[len(at) // 3 :], at[: len(at) // 3])
    told = [tagging_unseen(clone(model).set_params(**p).fit(*part.train, classes=table), part) for p in points]
    best = points[int(np.argmax(told))]
    return clone(model).set_params(**best).fit(*task.train, classes=task.classes)
