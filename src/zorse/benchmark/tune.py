"""Hyper-parameters chosen without looking at a test class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, ParameterGrid

from zorse.benchmark.tasks import thinned
from zorse.core import InputError, ZeroShotClassifier
from zorse.data import ZeroShotTask
from zorse.evaluation import ausuc, harmonic_mean, mean_class_accuracy
from zorse.templates import BilinearClassifier

Criterion = Literal["unseen", "harmonic", "area"]
FAILURES = (ValueError, ArithmeticError, np.linalg.LinAlgError)  # a point of a grid may ask for the impossible


class Choice(NamedTuple):
    """What a search over held-out training classes found.

    Attributes
    ----------
    params : dict
        The best point of the grid.
    score : float
        Its criterion, averaged over folds.
    tried : list of (dict, float)
        Every point; -inf for one that failed.
    """

    params: dict
    score: float
    tried: list[tuple[dict, float]]


class Fold(NamedTuple):
    """A small zero-shot problem made of training samples: labels of ``test_unseen`` occur in it alone."""

    train: np.ndarray
    test_seen: np.ndarray
    test_unseen: np.ndarray


def unseen_accuracy(model: ZeroShotClassifier, X, y) -> float:
    """Mean class accuracy among the labels of ``y`` alone; a scikit-learn scorer."""
    return mean_class_accuracy(y, model.with_candidates(np.unique(y)).predict(X))


def class_folds(y: np.ndarray, folds: int = 4, held_out: float = 0.0, random_state: int = 0) -> Iterator[Fold]:
    """Deal the classes of ``y`` into folds, each of which plays unseen once.

    ``held_out`` of the samples of every other class are kept for testing as well, drawn by ``random_state``. With
    fewer classes than folds each class is a fold.

    Raises
    ------
    InputError
        If ``y`` has one class only.
    """
    y, n_classes = np.asarray(y), len(np.unique(y))
    if n_classes < 2:
        raise InputError("choosing parameters on held-out classes needs at least two training classes; there is one")
    rng = np.random.default_rng(random_state)
    for train, unseen in GroupKFold(min(folds, n_classes)).split(y, y, groups=y):
        kept_back = [np.empty(0, dtype=np.intp)]
        for label in np.unique(y[train]) if held_out else ():
            own = rng.permutation(train[y[train] == label])
            kept_back.append(own[: min(len(own) - 1, max(1, round(held_out * len(own))))])
        test_seen = np.sort(np.concatenate(kept_back))
        yield Fold(np.setdiff1d(train, test_seen), test_seen, unseen)


def choose(
    model: ZeroShotClassifier,
    grid: dict | list[dict],
    task: ZeroShotTask,
    *,
    folds: int = 4,
    per_class: int | None = None,
    criterion: Criterion = "unseen",
    always: bool = False,
) -> Choice:
    """The point of ``grid`` that does best on held-out classes of the training set.

    Nothing of the test is used, nor what is known of the test classes: the table holds training classes only. A
    transductive method gets the samples of the fold's held-out classes, without labels.

    Parameters
    ----------
    model : ZeroShotClassifier
    grid : dict of lists, or a list of them
        As of scikit-learn's ``ParameterGrid``.
    task : ZeroShotTask
    folds : int
    per_class : int, optional
        Caps the samples of a class.
    criterion : {"unseen", "harmonic", "area"}
        Mean class accuracy of unseen classes among themselves; or, where seen and unseen classes compete, the harmonic
        mean of both accuracies, for methods whose parameters weigh them, or the area under their curve.

    Raises
    ------
    InputError
        If there is one training class only.
    Exception
        What the first point raised, if every point failed.
    """
    X, y = (task if per_class is None else thinned(task, per_class)).train
    table = task.classes.select(np.unique(y))
    points, failure = list(ParameterGrid(grid)), None
    total = np.zeros(len(points))
    at_once = isinstance(model, BilinearClassifier) and type(model)._path is not BilinearClassifier._path
    if len(points) > 1 or always:
        for fold in class_folds(y, folds, held_out=0.0 if criterion == "unseen" else 0.2):
            unlabelled = {"unlabelled": X[fold.test_unseen]} if model.traits.needs_unlabelled else {}
            X_train, y_train = X[fold.train], y[fold.train]
            left = np.flatnonzero(total > -np.inf)
            try:  # all at once, where the method knows how
                many = model.fit_many(X_train, y_train, table, [points[i] for i in left]) if at_once else ()
                for i, fitted in zip(left, many):
                    total[i] += _judged(fitted, X, y, fold, criterion)
                    left = left[1:]
            except FAILURES:
                at_once = False  # one by one, so that a point that fails costs itself only
            for i in left:
                try:
                    fitted = clone(model).set_params(**points[i])
                    fitted.fit(X_train, y_train, classes=table, **unlabelled)
                    total[i] += _judged(fitted, X, y, fold, criterion)
                except FAILURES as error:
                    failure, total[i] = failure or error, -np.inf
        if failure is not None and (total == -np.inf).all():
            raise failure
        total /= min(folds, len(table.labels))
    best = int(total.argmax())
    return Choice(points[best], float(total[best]), list(zip(points, total.tolist())))


def tune(
    model: ZeroShotClassifier,
    grid: dict,
    task: ZeroShotTask,
    folds: int = 4,
    per_class: int | None = None,
    criterion: Criterion = "unseen",
) -> ZeroShotClassifier:
    """``model`` fitted on all training samples with the parameters of ``grid`` that do best on held-out classes.

    ``per_class`` caps the samples of a class in the search, not in the last fit; see :func:`choose`.
    """
    best = choose(model, grid, task, folds=folds, per_class=per_class, criterion=criterion)
    return clone(model).set_params(**best.params).fit(*task.train, classes=task.classes)


def accuracy_on_unseen(model: ZeroShotClassifier, task: ZeroShotTask) -> float:
    """Mean class accuracy of the unseen test samples among the unseen classes."""
    return unseen_accuracy(model, *task.test_unseen)


def _judged(model: ZeroShotClassifier, X: np.ndarray, y: np.ndarray, fold: Fold, criterion: str) -> float:
    if criterion == "unseen":
        return unseen_accuracy(model, X[fold.test_unseen], y[fold.test_unseen])
    if criterion == "area":
        parts = np.concatenate(fold[1:])
        return ausuc(model.scores(X[parts]), y[parts], model.candidates_, np.unique(y[fold.train]))
    return harmonic_mean(*(mean_class_accuracy(y[part], model.predict(X[part])) for part in fold[1:]))
