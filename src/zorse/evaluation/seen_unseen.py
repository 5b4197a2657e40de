"""The trade-off between seen and unseen classes, and the area under it."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, InputError
from zorse.training.validation import SeenUnseenCurve
from zorse.training.validation import seen_unseen_curve as curve_of_rows

__all__ = ["SeenUnseenCurve", "ausuc", "seen_unseen_curve"]


def seen_unseen_curve(scores: np.ndarray, y, table: ClassTable, seen) -> SeenUnseenCurve:
    """Accuracy on seen and on unseen classes for every penalty on the seen scores.

    No grid: the break points are the samples' own margins, so the curve is exact.

    Parameters
    ----------
    scores : ndarray of shape (n, c)
        Columns in the order of ``table``.
    y : array-like of shape (n,)
        True labels, of both kinds.
    table : ClassTable
    seen : array-like of labels
        The classes that were trained on.

    Raises
    ------
    InputError
        If sizes disagree, a label is unknown, or classes or samples of one kind are missing.
    """
    scores, rows = np.asarray(scores), table.rows(y)
    if scores.shape != (len(rows), table.n_classes):
        raise InputError(f"expected scores of shape {(len(rows), table.n_classes)}; got {scores.shape}")
    mask = np.zeros(table.n_classes, dtype=bool)
    mask[table.rows(seen)] = True
    return curve_of_rows(scores, rows, mask)


def ausuc(scores: np.ndarray, y, table: ClassTable, seen) -> float:
    """Area Under the Seen-Unseen accuracy Curve of Chao et al. (ECCV 2016), in [0, 1]; arguments as the curve's."""
    return seen_unseen_curve(scores, y, table, seen).area
