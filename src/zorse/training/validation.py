"""Metrics that a method may use on its own training classes; ``evaluation`` uses the same ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zorse.core.errors import InputError


def mean_class_accuracy(y_true, y_pred) -> float:
    """Top-1 accuracy of each class that occurs in ``y_true``, averaged over classes; in [0, 1]."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    classes, rows = np.unique(y_true, return_inverse=True)
    hits = np.bincount(rows, weights=y_true == y_pred, minlength=len(classes))
    return float(np.mean(hits / np.bincount(rows, minlength=len(classes))))


def harmonic_mean(a: float, b: float) -> float:
    """2ab / (a + b), and 0 where both are 0."""
    return 2 * a * b / (a + b) if a + b != 0 else 0.0


@dataclass(frozen=True)
class SeenUnseenCurve:
    """Both accuracies for every penalty gamma subtracted from the scores of seen classes, at once.

    They are step functions of gamma; ``seen[j]`` and ``unseen[j]`` hold between ``penalties[j - 1]`` and
    ``penalties[j]``.

    Attributes
    ----------
    penalties : ndarray of shape (m,)
        Break points, ascending: at gamma = penalties[j] some sample still goes to a seen class, just above it no more.
    seen, unseen : ndarray of shape (m + 1,)
        Accuracy on samples of seen and of unseen classes, averaged over classes, in [0, 1].
    """

    penalties: np.ndarray
    seen: np.ndarray
    unseen: np.ndarray

    @property
    def area(self) -> float:
        """AUSUC, the area under ``seen`` as a function of ``unseen``, in [0, 1]."""
        return float(np.trapezoid(self.seen, self.unseen))

    def at(self, penalty) -> tuple[np.ndarray, np.ndarray]:
        """Both accuracies at one or several penalties."""
        step = np.searchsorted(self.penalties, penalty, side="left")
        return self.seen[step], self.unseen[step]


def seen_unseen_curve(scores: np.ndarray, rows: np.ndarray, seen: np.ndarray) -> SeenUnseenCurve:
    """The exact curve from one score matrix; O(n c + n log n).

    Parameters
    ----------
    scores : ndarray of shape (n, c)
        Larger is better.
    rows : ndarray of shape (n,)
        True column of each sample.
    seen : ndarray of bool, shape (c,)
        Which columns were trained on; at least one is and one is not, and samples of both kinds occur.
    """
    of_seen = seen[rows]
    if seen.all() or not seen.any() or of_seen.all() or not of_seen.any():
        raise InputError("a seen-unseen curve needs classes and samples of both kinds, seen and unseen")
    columns = np.arange(len(seen))
    best_seen = columns[seen][scores[:, seen].argmax(axis=1)]
    best_unseen = columns[~seen][scores[:, ~seen].argmax(axis=1)]
    at = np.arange(len(rows))
    margin = scores[at, best_seen] - scores[at, best_unseen]  # the sample goes to a seen class while gamma <= margin
    n_of_class = np.bincount(rows, minlength=len(seen))
    present = n_of_class > 0
    share = 1 / n_of_class[rows]
    lost = np.where(of_seen & (best_seen == rows), share / (present & seen).sum(), 0)
    won = np.where(~of_seen & (best_unseen == rows), share / (present & ~seen).sum(), 0)
    penalties, step = np.unique(margin, return_inverse=True)
    lost = np.bincount(step, weights=lost, minlength=len(penalties))
    won = np.bincount(step, weights=won, minlength=len(penalties))
    falling = np.append(np.cumsum(lost[::-1])[::-1], 0.0)  # summed from the far end, so that it ends in an exact 0
    rising = np.append(0.0, np.cumsum(won))
    return SeenUnseenCurve(penalties, falling, rising)
