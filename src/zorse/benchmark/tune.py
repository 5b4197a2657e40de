"""Hyper-parameters chosen without looking at a test class."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold

from zorse.core import ZeroShotClassifier
from zorse.data import ZeroShotTask
from zorse.evaluation import mean_class_accuracy


def unseen_accuracy(model: ZeroShotClassifier, X, y) -> float:
    """Mean class accuracy among the labels of ``y`` alone; a scikit-learn scorer."""
    return mean_class_accuracy(y, model.with_candidates(np.unique(y)).predict(X))


def tune(model: ZeroShotClassifier, grid: dict, task: ZeroShotTask, folds: int = 4) -> ZeroShotClassifier:
    """``model`` fitted on all training classes with the parameters of ``grid`` that do best on held-out ones.

    Each fold holds out whole classes of the training set, as the test holds out the unseen ones.
    """
    X, y = task.train
    search = GridSearchCV(model, grid, cv=GroupKFold(folds), scoring=unseen_accuracy)
    return search.fit(X, y, groups=y, classes=task.classes).best_estimator_
