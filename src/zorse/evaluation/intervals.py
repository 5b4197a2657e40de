"""How sure a measured figure is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm, t
from sklearn.utils import check_random_state

from zorse.core import InputError
from zorse.training.validation import mean_class_accuracy


class Interval(NamedTuple):
    """A value between two bounds."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson_interval(hits: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion, which stays inside [0, 1] and is right for few samples."""
    if not 0 <= hits <= n or n == 0:
        raise InputError(f"expected 0 <= hits <= n with n above 0; got {hits} of {n}")
    z = norm.ppf(0.5 + _checked(level) / 2)
    p, shrink = hits / n, 1 + z**2 / n
    centre = (p + z**2 / (2 * n)) / shrink
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / shrink
    return Interval(p, max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def bootstrap_interval(y_true, y_pred, level: float = 0.95, n_resamples: int = 1000, random_state=0) -> Interval:
    """Percentile interval of the mean class accuracy; samples are drawn anew within each class, classes stay fixed."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    means = _resampled(y_true, (y_true == y_pred).astype(float), n_resamples, random_state)
    low, high = np.quantile(means, [0.5 - _checked(level) / 2, 0.5 + level / 2])
    return Interval(mean_class_accuracy(y_true, y_pred), float(low), float(high))


def paired_difference(y_true, ours, theirs, level: float = 0.95, n_resamples: int = 1000, random_state=0) -> Interval:
    """Difference of two methods' mean class accuracies on the same samples, with a bootstrap interval.

    Pairing takes out what makes a sample hard for both; an interval above 0 says that ``ours`` is better here.
    """
    y_true, ours, theirs = np.asarray(y_true), np.asarray(ours), np.asarray(theirs)
    gain = (ours == y_true).astype(float) - (theirs == y_true)
    means = _resampled(y_true, gain, n_resamples, random_state)
    low, high = np.quantile(means, [0.5 - _checked(level) / 2, 0.5 + level / 2])
    return Interval(mean_class_accuracy(y_true, ours) - mean_class_accuracy(y_true, theirs), float(low), float(high))


def t_interval(values, level: float = 0.95) -> Interval:
    """Student's interval of the mean of independent runs; infinite bounds for a single one."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        raise InputError("an interval needs at least one value")
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, -np.inf, np.inf)
    half = t.ppf(0.5 + _checked(level) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return Interval(mean, float(mean - half), float(mean + half))


def _resampled(y: np.ndarray, values: np.ndarray, n_resamples: int, random_state) -> np.ndarray:
    """Mean over classes of resampled class means, shape (n_resamples,)."""
    rng, labels = check_random_state(random_state), np.unique(y)
    total = np.zeros(n_resamples)
    for label in labels:
        of_class = values[y == label]
        total += of_class[rng.randint(len(of_class), size=(n_resamples, len(of_class)))].mean(axis=1)
    return total / len(labels)


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1; got {level}")
    return level
