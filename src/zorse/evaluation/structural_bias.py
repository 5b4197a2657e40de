"""What a benchmark gives away by its hierarchy alone, and which errors are none by the hierarchy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zorse.core import InputError, Paper, ZeroShotClassifier, implements
from zorse.data import ZeroShotTask
from zorse.evaluation.hierarchy import Parents
from zorse.nn.hierarchy import Hierarchy
from zorse.training.validation import mean_class_accuracy


@dataclass(frozen=True)
class StructuralErrors:
    """Shares of samples, which sum to 1.

    Attributes
    ----------
    correct : float
    ancestor : float
        The answer is above the true class: "animal" for a dog, right as far as it goes.
    descendant : float
        The answer is below the true class: "poodle" for a dog, which may be right.
    other : float
        All else.
    """

    correct: float
    ancestor: float
    descendant: float
    other: float


def structural_errors(y_true, y_pred, parents: Parents) -> StructuralErrors:
    """Deal answers into right, above the truth, below it, and wrong by any account.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
    parents : mapping of str to iterable of str
        As ``ClassTable.parents``.

    Raises
    ------
    InputError
        If sizes disagree or a label is not in the hierarchy.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.ndim != 1 or not len(y_true):
        raise InputError(f"expected one answer a sample; got {y_pred.shape} for {y_true.shape}")
    tree = Hierarchy(parents)
    labels, row = np.unique(np.concatenate([y_true, y_pred]), return_inverse=True)
    above, at = tree.ancestors(labels), tree.rows(labels)
    is_above = above[:, at].toarray()  # [i, j]: j is i or above i
    true, answer = row[: len(y_true)], row[len(y_true) :]
    correct = true == answer
    up, down = is_above[true, answer] & ~correct, is_above[answer, true] & ~correct
    up, down = up.mean(), (down & ~up).mean()
    return StructuralErrors(float(correct.mean()), float(up), float(down), float(1 - correct.mean() - up - down))


def trivial_scores(train_scores, train_labels, labels, parents: Parents) -> np.ndarray:
    """Scores of classes nobody has learned: the mean score of the training classes nearest in the hierarchy.

    Parameters
    ----------
    train_scores : array-like of shape (n, t)
        Of an ordinary classifier over the training classes.
    train_labels : array-like of shape (t,)
    labels : array-like of shape (c,)
        Classes to score.
    parents : mapping of str to iterable of str

    Returns
    -------
    ndarray of shape (n, c)
    """
    train_scores = np.asarray(train_scores, dtype=np.float64)
    if train_scores.ndim != 2 or train_scores.shape[1] != len(train_labels):
        raise InputError(f"expected scores (n, {len(train_labels)}), one column a class; got {train_scores.shape}")
    hops = Hierarchy(parents).distances(labels, train_labels)
    nearest = hops.min(axis=1, keepdims=True)
    if np.isinf(nearest).any():
        lost = np.asarray(labels)[np.isinf(nearest[:, 0])][0]
        raise InputError(f"{lost!s} is connected with no training class in the hierarchy")
    share = (hops == nearest).astype(np.float64)
    return train_scores @ (share / share.sum(axis=1, keepdims=True)).T


@dataclass(frozen=True)
class StructuralBias:
    """Mean class accuracies on unseen classes, in [0, 1].

    Attributes
    ----------
    trivial : float
        Of the mean score of the nearest training classes; no semantics, no zero-shot method.
    one_hop : float
        Of a draw among the unseen classes one edge from the predicted training class; its expectation.
    model : float
        Of the method itself.
    ratio : float
        ``trivial / model``: near or above 1, the method shows nothing that the hierarchy did not give away.
    """

    trivial: float
    one_hop: float
    model: float

    @property
    def ratio(self) -> float:
        """Trivial over model."""
        return self.trivial / self.model if self.model else float("inf")


@implements(
    Paper(
        title="On Zero-Shot Recognition of Generic Objects",
        authors="Tristan Hascoet, Yasuo Ariki, Tetsuya Takiguchi",
        venue="CVPR",
        year=2019,
        url="https://arxiv.org/abs/1904.04957",
        aka=("GOZ", "structural bias"),
        seed=40,
    )
)
def structural_bias(
    model: ZeroShotClassifier,
    task: ZeroShotTask,
    parents: Parents | None = None,
    classifier: ZeroShotClassifier | None = None,
) -> StructuralBias:
    """Structural bias of a zero-shot task: how far the class hierarchy alone solves it, beside a method.

    Parameters
    ----------
    model : fitted ZeroShotClassifier
        The method to compare with.
    task : ZeroShotTask
    parents : mapping of str to iterable of str, optional
        The hierarchy; without it, that of the task's class table.
    classifier : fitted ZeroShotClassifier, optional
        Tells training classes apart for the trivial solution, by its own class vectors; without it, ``model`` does.

    Returns
    -------
    StructuralBias

    Raises
    ------
    InputError
        If there is no hierarchy, or a class is not connected with a training class in it.

    Notes
    -----
    Differs from the paper: the trivial solution is that of its code (a class is the mean of the training classes
    nearest to it), on any classifier's scores instead of ESZSL's; ``one_hop`` is added. Its ESZSL on class means is
    :class:`~zorse.methods.compatibility.eszsl.ESZSL` with ``negative=0`` fitted on one mean a class.

    Cost: one scoring, and a walk through the hierarchy for each unseen class.

    References
    ----------
    Hascoet, Ariki and Takiguchi, "On zero-shot recognition of generic objects", CVPR 2019.
    """
    parents = task.classes.parents if parents is None else parents
    if parents is None:
        raise InputError(f"task {task.name!r} has no hierarchy; pass parents=")
    X, y = task.test_unseen
    seen, unseen = task.classes.select(task.seen), task.classes.select(task.unseen)
    # A classifier of its own may describe the training classes in its own way.
    of_seen = model.with_candidates(seen) if classifier is None else classifier.with_candidates(seen.labels)
    scores = of_seen.scores(X)
    trivial = unseen.labels[trivial_scores(scores, seen.labels, unseen.labels, parents).argmax(axis=1)]
    hops = Hierarchy(parents).distances(seen.labels, unseen.labels)
    beside = (hops == 1)[scores.argmax(axis=1)]  # (n, unseen)
    expected = beside[np.arange(len(y)), unseen.rows(y)] / np.maximum(beside.sum(axis=1), 1)
    return StructuralBias(
        trivial=mean_class_accuracy(y, trivial),
        one_hop=float(np.mean([expected[y == label].mean() for label in np.unique(y)])),
        model=mean_class_accuracy(y, model.with_candidates(unseen).predict(X)),
    )
