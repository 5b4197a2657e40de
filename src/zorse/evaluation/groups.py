"""Accuracy group by group: whether a mean hides those that a method fails."""

from __future__ import annotations

import numpy as np

from zorse.core import InputError


def group_accuracy(y_true, y_pred, groups) -> dict:
    """Top-1 accuracy in [0, 1] of each value that occurs in ``groups``, sorted; a group may be any part of the samples.

    Raises
    ------
    InputError
        If there is no sample or the three are not of one length.
    """
    y_true, y_pred, groups = np.asarray(y_true), np.asarray(y_pred), np.asarray(groups)
    if not len(y_true) or not y_true.shape == y_pred.shape == groups.shape or y_true.ndim != 1:
        raise InputError(
            f"expected truth, predictions and groups, one each a sample; got {y_true.shape}, {y_pred.shape} and "
            f"{groups.shape}"
        )
    names, rows = np.unique(groups, return_inverse=True)
    share = np.bincount(rows, weights=y_true == y_pred) / np.bincount(rows)
    return dict(zip(names.tolist(), share.tolist(), strict=True))


def worst_group_accuracy(y_true, y_pred, groups) -> float:
    """The least of :func:`group_accuracy`."""
    return min(group_accuracy(y_true, y_pred, groups).values())
