"""Metrics that a method may use on its own training classes; ``evaluation`` uses the same ones."""

from __future__ import annotations

import numpy as np


def mean_class_accuracy(y_true, y_pred) -> float:
    """Top-1 accuracy of each class that occurs in ``y_true``, averaged over classes; in [0, 1]."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    classes, rows = np.unique(y_true, return_inverse=True)
    hits = np.bincount(rows, weights=y_true == y_pred, minlength=len(classes))
    return float(np.mean(hits / np.bincount(rows, minlength=len(classes))))


def harmonic_mean(a: float, b: float) -> float:
    """2ab / (a + b), and 0 where both are 0."""
    return 2 * a * b / (a + b) if a + b > 0 else 0.0
