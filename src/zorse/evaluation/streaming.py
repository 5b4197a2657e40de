"""The best of very many classes, which are never in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from zorse.core import CapabilityError, ClassTable, InputError, ZeroShotClassifier

BLOCK = 1 << 23  # scores held at a time: 64 MiB


class TopK(NamedTuple):
    """The best classes of every sample, best first.

    Attributes
    ----------
    labels : ndarray of shape (n, k)
    scores : ndarray of shape (n, k)
    """

    labels: np.ndarray
    scores: np.ndarray


def top_k_streamed(
    model: ZeroShotClassifier | Callable[[np.ndarray, ClassTable], np.ndarray],
    X,
    tables: Iterable[ClassTable],
    k: int = 10,
) -> TopK:
    """The ``k`` best classes of each sample in one pass over class tables that come one at a time.

    Parameters
    ----------
    model : fitted ZeroShotClassifier or callable
        A callable is given rows of ``X`` and a table, and returns scores (n, c), larger is better.
    X : array-like of shape (n, d)
    tables : iterable of ClassTable
        Such as :func:`zorse.data.stream_tables` makes. No class should come twice.
    k : int, default=10

    Returns
    -------
    TopK
        The same as sorting all scores: no class is skipped. Classes with equal scores stand in the order in which they
        came.

    Raises
    ------
    CapabilityError
        If the scores of the method depend on which other classes are candidates.
    InputError
        If ``k`` is not from 1 to the number of classes, or a score is NaN.

    Notes
    -----
    Cost: one scoring of every class and one look at each score; O(k n log) on the few scores that beat a sample's k-th
    best so far. Memory: one table, 64 MiB of scores (or one sample's, if more) and O(n k).
    """
    if isinstance(model, ZeroShotClassifier) and not model.traits.open_candidates:
        raise CapabilityError(
            f"the scores of {type(model).__name__} depend on all candidates, which are never together"
        )
    if k < 1:
        raise InputError(f"k must be at least 1; got {k}")
    X = np.asarray(X)
    n, seen = len(X), 0
    scores, positions = np.full((n, k), -np.inf), np.full((n, k), -1)
    labels: np.ndarray | None = None
    for table in tables:
        score = _scorer(model, table)
        if labels is None:
            labels = np.zeros((n, k), dtype=table.labels.dtype)
        elif labels.dtype.kind != table.labels.dtype.kind:
            raise InputError(f"labels are {labels.dtype} in one table and {table.labels.dtype} in another")
        elif labels.dtype != table.labels.dtype:  # longer names: make room
            labels = labels.astype(np.result_type(labels, table.labels))
        size = max(1, BLOCK // max(1, table.n_classes))
        for start in range(0, n, size):
            rows = slice(start, start + size)
            block = score(X[rows])
            at, column = _better(block, scores[rows], k)
            if len(at):
                _merge(
                    scores[rows],
                    positions[rows],
                    labels[rows],
                    at,
                    block[at, column],
                    column + seen,
                    table.labels[column],
                )
        seen += table.n_classes
    if k > seen or labels is None:
        raise InputError(f"k must be from 1 to {seen}, the number of classes that came; got {k}")
    if (positions < 0).any():
        row = int(np.argwhere(positions < 0)[0, 0])
        raise InputError(f"sample {row} has fewer than {k} scores above -inf")
    return TopK(labels, scores)


def _scorer(model, table: ClassTable) -> Callable[[np.ndarray], np.ndarray]:
    if isinstance(model, ZeroShotClassifier):
        return model.with_candidates(table).scores

    def score(X: np.ndarray) -> np.ndarray:
        block = np.asarray(model(X, table))
        if block.shape != (len(X), table.n_classes):
            raise InputError(f"expected scores of shape {(len(X), table.n_classes)}; got {block.shape}")
        return block if block.dtype in (np.float32, np.float64) else block.astype(np.float64)

    return score


def _better(block: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the scores that may belong to the ``k`` best: all that do, and few others."""
    # A class that came earlier wins a tie, so that only a strictly better score matters.
    worst = scores[:, -1].astype(block.dtype)
    best = block.max(axis=1)
    if np.isnan(best).any():
        raise InputError("a score is NaN; expected numbers that can be compared")
    touched = np.flatnonzero(best > worst)
    if not len(touched):
        return touched, touched
    beats = block[touched] > worst[touched, None] if len(touched) < len(block) else block > worst[:, None]
    many = np.flatnonzero(beats.sum(axis=1) > 4 * k)
    if len(many):  # the first tables: the k-th best of the block bounds from below what can stay
        part = block[touched[many]]
        beats[many] &= part >= np.partition(part, -k, axis=1)[:, [-k]]
    row, column = np.nonzero(beats)
    return touched[row], column


def _merge(scores, positions, labels, row, new_scores, new_positions, new_labels) -> None:
    """Put new scores among the best so far, in place; the arrays are views of some samples."""
    k = scores.shape[1]
    touched = np.unique(row)
    all_rows = np.concatenate([np.repeat(touched, k), row])
    all_scores = np.concatenate([scores[touched].ravel(), new_scores])
    all_positions = np.concatenate([positions[touched].ravel(), new_positions])
    all_labels = np.concatenate([labels[touched].ravel(), new_labels])
    empty = all_positions < 0
    order = np.lexsort((all_positions, empty, -all_scores, all_rows))
    first = np.searchsorted(all_rows[order], touched)
    kept = order[first[:, None] + np.arange(k)]
    scores[touched], positions[touched], labels[touched] = all_scores[kept], all_positions[kept], all_labels[kept]
