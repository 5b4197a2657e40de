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


@dataclass(frozen=True)
class Contest:
    """The best seen and the best unseen candidate of each sample, and by how much the seen one leads.

    Attributes
    ----------
    seen, unseen : ndarray of int, shape (n,)
        Columns; of equal scores the first.
    margin : ndarray of shape (n,)
        The sample goes to the seen one as long as the penalty on seen scores does not exceed it.
    """

    seen: np.ndarray
    unseen: np.ndarray
    margin: np.ndarray


def contest(scores: np.ndarray, seen: np.ndarray) -> Contest:
    """One pass over ``scores`` (n, c) whose columns are ``seen`` (c,) or not, in blocks that fit a core's cache."""
    n, c = scores.shape
    order = np.argsort(~seen, kind="stable")
    n_seen = int(seen.sum())
    best = np.empty((2, n), dtype=np.intp)
    step = max(1, 2**18 // (c * scores.itemsize))
    block = np.empty((step, c), dtype=scores.dtype)
    for start in range(0, n, step):
        part = block[: min(step, n - start)]
        np.take(scores[start : start + step], order, axis=1, out=part, mode="clip")
        best[0, start : start + step] = part[:, :n_seen].argmax(axis=1)
        best[1, start : start + step] = part[:, n_seen:].argmax(axis=1)
    best_seen, best_unseen = order[best[0]], order[n_seen + best[1]]
    at = np.arange(n)
    return Contest(best_seen, best_unseen, scores[at, best_seen].astype(float) - scores[at, best_unseen])


def curve_of_contest(outcome: Contest, rows: np.ndarray, seen: np.ndarray, *, by_class: bool = True) -> SeenUnseenCurve:
    """The curve of samples whose true columns are ``rows`` (n,); arguments as :func:`seen_unseen_curve`'s."""
    of_seen = seen[rows]
    if of_seen.all() or not of_seen.any():
        raise InputError("a seen-unseen curve needs classes and samples of both kinds, seen and unseen")
    # What one sample weighs: every class counts alike, or every sample.
    size = np.bincount(rows, minlength=len(seen))[rows] if by_class else np.ones(len(rows))
    lost = np.where(of_seen & (outcome.seen == rows), 1 / size, 0)
    won = np.where(~of_seen & (outcome.unseen == rows), 1 / size, 0)
    penalties, step = np.unique(outcome.margin, return_inverse=True)
    lost = np.bincount(step, weights=lost, minlength=len(penalties))
    won = np.bincount(step, weights=won, minlength=len(penalties))
    falling = np.append(np.cumsum(lost[::-1])[::-1], 0.0)  # summed from the far end, so that it ends in an exact 0
    rising = np.append(0.0, np.cumsum(won))
    return SeenUnseenCurve(penalties, falling / (1 / size)[of_seen].sum(), rising / (1 / size)[~of_seen].sum())


def seen_unseen_curve(
    scores: np.ndarray, rows: np.ndarray, seen: np.ndarray, *, by_class: bool = True
) -> SeenUnseenCurve:
    """The exact curve from one score matrix; O(n c + n log n).

    Parameters
    ----------
    scores : ndarray of shape (n, c)
        Larger is better.
    rows : ndarray of shape (n,)
        True column of each sample.
    seen : ndarray of bool, shape (c,)
        Which columns were trained on; at least one is and one is not, and samples of both kinds occur.
    by_class : bool
        False: accuracies are over samples and not averaged over classes.
    """
    if seen.all() or not seen.any():
        raise InputError("a seen-unseen curve needs classes and samples of both kinds, seen and unseen")
    return curve_of_contest(contest(scores, seen), rows, seen, by_class=by_class)
