"""What methods share that answer for the very samples they were fitted with."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, InputError, Traits, ZeroShotClassifier
from zorse.nn.vectors import unit_rows

SAME = 1e-5  # two roundings of one unit vector in float32 are nearer than this


class TransductiveClassifier(ZeroShotClassifier):
    """A method that settles the labels of the unlabelled samples together; other samples are answered from those.

    A sample given to ``predict`` that was among the unlabelled ones of ``fit`` gets the score settled for it. A paper
    writes ``_fit_transductive`` (which sets ``unlabelled_``), ``_known`` and ``_new``.

    Attributes
    ----------
    unlabelled_ : ndarray of shape (m, d)
        The unlabelled samples at unit length, float32.
    """

    traits = Traits(needs_unlabelled=True)
    unlabelled_: np.ndarray

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError(f"{type(self).__name__} needs at least one candidate class; got none")

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        x = unit_rows(X).astype(np.float32)
        place = same_rows(x, self.unlabelled_)
        known = place >= 0
        out = np.empty((len(X), table.n_classes))
        out[known] = self._known(place[known])
        if not known.all():
            out[~known] = self._new(x[~known])
        return out

    def _known(self, place: np.ndarray) -> np.ndarray:
        """Scores (n, c) of the rows ``place`` (n,) of ``unlabelled_``."""
        raise NotImplementedError

    def _new(self, x: np.ndarray) -> np.ndarray:
        """Scores (n, c) of samples x (n, d) of unit length that were not among the unlabelled ones."""
        raise NotImplementedError


def same_rows(x: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A row of ``points`` (m, d) that equals each row of x (n, d), shape (n,); -1 where none does.

    Rows of unit length are told apart by their inner products with four random vectors: O((n + m) (d + log m)).
    """
    directions = np.random.default_rng(0).standard_normal((x.shape[1], 4)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    ours, theirs = x @ directions, points @ directions
    order = np.argsort(theirs[:, 0], kind="stable")
    low, high = (np.searchsorted(theirs[order, 0], ours[:, 0] + edge) for edge in (-SAME, SAME))
    count = high - low
    row = np.repeat(np.arange(len(x)), count)
    point = order[np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())]
    same = (np.abs(ours[row] - theirs[point]) < SAME).all(axis=1)
    place = np.full(len(x), -1)
    place[row[same]] = point[same]
    return place
