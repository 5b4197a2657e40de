"""How good pseudo-labels are, where the truth is known, and how evenly over the classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zorse.core import InputError


@dataclass(frozen=True)
class PseudoLabelReport:
    """What :func:`pseudo_label_report` found.

    Attributes
    ----------
    precision : float
        Part of the pseudo-labels that are right, in [0, 1].
    classes : ndarray of shape (c,)
        Classes that occur in the truth or among the pseudo-labels, sorted.
    of_class : ndarray of shape (c,)
        Precision of each; NaN for a class that was given to no sample.
    share : ndarray of shape (c,)
        Of all pseudo-labels, those of each class; equal shares are 1 / c.
    worst_fifth : float
        Mean precision of the fifth of the classes (at least one) that fare worst; a class without a pseudo-label fares
        as if all of its were wrong.
    spread : float
        Standard deviation of the precision over classes, counted likewise: 0 is equity.
    """

    precision: float
    classes: np.ndarray
    of_class: np.ndarray
    share: np.ndarray
    worst_fifth: float
    spread: float


def pseudo_label_report(samples, labels, y_true) -> PseudoLabelReport:
    """Compare pseudo-labels with the truth.

    Parameters
    ----------
    samples : array-like of int, shape (p,)
        Which sample each pseudo-label was given to; a sample may occur several times.
    labels : array-like of shape (p,)
    y_true : array-like of shape (m,)
        The true label of every sample.

    Raises
    ------
    InputError
        If there is no pseudo-label, sizes disagree, or one is of a sample that is not there.
    """
    samples, labels, y_true = np.asarray(samples), np.asarray(labels), np.asarray(y_true)
    if len(samples) == 0 or samples.shape != labels.shape:
        raise InputError(f"expected one label for each of at least one sample; got {labels.shape} and {samples.shape}")
    if samples.min() < 0 or samples.max() >= len(y_true):
        raise InputError(f"pseudo-labels are of samples {samples.min()} to {samples.max()}; there are {len(y_true)}")
    right = y_true[samples] == labels
    classes = np.unique(np.concatenate([y_true, labels]))
    at = np.searchsorted(classes, labels)
    count = np.bincount(at, minlength=len(classes))
    hits = np.bincount(at, weights=right, minlength=len(classes))
    of_class = np.where(count > 0, hits / np.maximum(count, 1), np.nan)
    fares = np.nan_to_num(of_class)
    worst = np.sort(fares)[: max(1, len(classes) // 5)]
    return PseudoLabelReport(
        float(right.mean()), classes, of_class, count / count.sum(), float(worst.mean()), float(fares.std())
    )
