"""Sets of labels that miss the truth no more often than stated."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from zorse.core import InputError

KINDS = ("lac", "aps")


@dataclass(frozen=True)
class ConformalSets:
    """A rule that turns probabilities into sets of labels.

    Attributes
    ----------
    error : float
        The share of samples whose set may lack the truth.
    kind : {"lac", "aps"}
    threshold : float
        Labels whose nonconformity is at most this are in the set.
    n : int
        Samples that the threshold rests on.
    """

    error: float
    kind: str
    threshold: float
    n: int

    def __call__(self, probabilities) -> np.ndarray:
        """Which labels are in each set: bool of the shape of ``probabilities`` (n, c); the likeliest always is."""
        p = np.atleast_2d(np.asarray(probabilities, float))
        inside = nonconformity(p, self.kind) <= self.threshold + 1e-12
        inside[np.arange(len(p)), p.argmax(axis=1)] = True
        return inside


def conformal_sets(probabilities, rows, error: float = 0.05, kind: str = "lac") -> ConformalSets:
    """Split conformal prediction: learn the rule from a labelled sample that nothing else was fitted to.

    Parameters
    ----------
    probabilities : array-like of shape (n, c)
    rows : array-like of shape (n,)
        Column of the true label of each sample.
    error : float
    kind : {"lac", "aps"}
        "lac": labels that are probable enough, the smallest sets on average (Sadinle, Lei, Wasserman, JASA 2019).
        "aps": the likeliest labels until enough probability is gathered, larger sets that are more even between
        easy and hard images (Romano, Sesia, Candes, NeurIPS 2020), here without its random tie-break.

    Notes
    -----
    If a new sample and the n labelled ones are exchangeable, its set lacks the truth with probability at most
    ``error``, whatever the probabilities are worth: bad ones give large sets. The promise is about samples and
    calibration samples drawn together, not about each class or each calibration sample.
    The threshold is the ceil((n + 1)(1 - error))-th smallest nonconformity. Cost: O(n c log c).

    Raises
    ------
    InputError
        If the sample is too small for the error rate: n must be at least 1 / error - 1.
    """
    if not 0 < error < 1:
        raise InputError(f"the error rate of sets lies between 0 and 1; got {error}")
    p, rows = np.asarray(probabilities, float), np.asarray(rows)
    if p.ndim != 2 or rows.shape != (len(p),):
        raise InputError(f"expected probabilities (n, c) and rows (n,); got {p.shape} and {rows.shape}")
    n, place = len(rows), ceil((len(rows) + 1) * (1 - error) - 1e-9)
    if place > n:
        raise InputError(
            f"sets with an error rate of {error:g} need at least {ceil(1 / error - 1 - 1e-9)} samples; got {n}"
        )
    of_truth = nonconformity(p, kind)[np.arange(n), rows]
    return ConformalSets(error, kind, float(np.sort(of_truth)[place - 1]), n)


def needed(error: float) -> int:
    """The fewest samples from which sets with this error rate can be made."""
    return ceil(1 / error - 1 - 1e-9)


def nonconformity(p: np.ndarray, kind: str) -> np.ndarray:
    """How ill each label fits each sample, of the shape of ``p`` (n, c)."""
    if kind == "lac":
        return 1 - p
    if kind != "aps":
        raise InputError(f"sets are made by {' or '.join(KINDS)}; got {kind!r}")
    p = p / p.sum(axis=1, keepdims=True)
    order = np.argsort(-p, axis=1, kind="stable")
    gathered = np.cumsum(np.take_along_axis(p, order, axis=1), axis=1)
    found = np.empty_like(p)
    np.put_along_axis(found, order, gathered, axis=1)
    return found
