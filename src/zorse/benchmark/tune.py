"""Hyper-parameters chosen without looking at a test class."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold

from zorse.benchmark.tasks import thinned
from zorse.core import ZeroShotClassifier
from zorse.data import ZeroShotTask
from zorse.evaluation import mean_class_accuracy


def unseen_accuracy(model: ZeroShotClassifier, X, y) -> float:
    """Mean class accuracy among the labels of ``y`` alone; a scikit-learn scorer."""
    return mean_class_accuracy(y, model.with_candidates(np.unique(y)).predict(X))


def tune(
    model: ZeroShotClassifier, grid: dict, task: ZeroShotTask, folds: int = 4, per_class: int | None = None
) -> ZeroShotClassifier:
    """``model`` fitted on all training samples with the parameters of ``grid`` that do best on held-out classes.

    Each fold holds out whole classes of the training set, as the test holds out the unseen ones; nothing of the test
    is used. ``per_class`` caps the samples of a class in the search, not in the last fit.
    """
    X, y = (task if per_class is None else thinned(task, per_class)).train
    search = GridSearchCV(model, grid, cv=GroupKFold(folds), scoring=unseen_accuracy, refit=False)
    search.fit(X, y, groups=y, classes=task.classes)
    return clone(model).set_params(**search.best_params_).fit(*task.train, classes=task.classes)


def accuracy_on_unseen(model: ZeroShotClassifier, task: ZeroShotTask) -> float:
    """Mean class accuracy of the unseen test samples among the unseen classes."""
    return unseen_accuracy(model, *task.test_unseen)
