"""Accuracies in which every class counts the same, however many samples it has."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, InputError
from zorse.training.validation import mean_class_accuracy

__all__ = ["mean_class_accuracy", "mean_class_top_k", "per_class_accuracy"]


def per_class_accuracy(y_true, y_pred) -> dict:
    """Top-1 accuracy in [0, 1] of each label that occurs in ``y_true``, sorted by label."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    labels, rows = np.unique(y_true, return_inverse=True)
    share = np.bincount(rows, weights=y_true == y_pred, minlength=len(labels)) / np.bincount(rows)
    return dict(zip(labels, share.tolist()))


def mean_class_top_k(y_true, scores: np.ndarray, table: ClassTable, k: int = 5) -> float:
    """Share of samples whose class is among the ``k`` best of its row, averaged over classes.

    Parameters
    ----------
    y_true : array-like of shape (n,)
    scores : ndarray of shape (n, c)
        Columns in the order of ``table``.
    table : ClassTable
    k : int
        From 1 to c. A tie at rank k counts against the sample only by the classes that score strictly higher.

    Raises
    ------
    InputError
        If ``k`` is out of range, sizes disagree, or a label has no column.
    """
    rows = table.rows(y_true)
    if scores.shape != (len(rows), table.n_classes):
        raise InputError(f"expected scores of shape {(len(rows), table.n_classes)}; got {scores.shape}")
    if not 1 <= k <= table.n_classes:
        raise InputError(f"k must be from 1 to {table.n_classes}, the number of classes; got {k}")
    better = (scores > scores[np.arange(len(rows)), rows][:, None]).sum(axis=1)
    hit = np.bincount(rows, weights=better < k, minlength=table.n_classes)
    n = np.bincount(rows, minlength=table.n_classes)
    return float(np.mean(hit[n > 0] / n[n > 0]))
