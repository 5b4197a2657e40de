"""How near a wrong answer is: hits among the best k, flat and by a hierarchy of classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from zorse.core import ClassTable, InputError
from zorse.nn.hierarchy import Hierarchy

Parents = Mapping[str, Iterable[str]]


def ranked_labels(scores: np.ndarray, table: ClassTable, k: int) -> np.ndarray:
    """The ``k`` best labels of each row of scores (n, c), best first: shape (n, k). Equal scores keep their order.

    For more classes than fit in memory, :func:`top_k_streamed` gives the same.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.shape[1] != table.n_classes:
        raise InputError(f"expected scores of shape (n, {table.n_classes}), one column a class; got {scores.shape}")
    if not 1 <= k <= table.n_classes:
        raise InputError(f"k must be from 1 to {table.n_classes}, the number of classes; got {k}")
    return table.labels[np.argsort(-scores, axis=1, kind="stable")[:, :k]]


def hit_at_k(y_true, ranked: np.ndarray, k: int) -> float:
    """Flat hit@k: share of samples whose class is among their ``k`` best.

    Every sample counts the same, as in the literature on ImageNet; :func:`mean_class_top_k` counts classes the same.

    Parameters
    ----------
    y_true : array-like of shape (n,)
    ranked : ndarray of shape (n, at least k)
        Labels, best first.
    k : int
    """
    y_true, best = _best(y_true, ranked, k)
    return float((best == y_true[:, None]).any(axis=1).mean())


def hierarchical_precision_at_k(y_true, ranked: np.ndarray, k: int, classes, parents: Parents) -> float:
    """Hierarchical precision@k of Frome et al. (NIPS 2013): share of the ``k`` best that lie near the true class.

    Near are the classes within the smallest radius of the true one, in edges of the hierarchy, that holds at least
    ``k`` of them; the true class itself is at radius 0, so that precision@1 is flat hit@1.

    Parameters
    ----------
    y_true : array-like of shape (n,)
    ranked : ndarray of shape (n, at least k)
        Labels, best first.
    k : int
    classes : array-like of shape (c,)
        The labels that were answered over; all are nodes of ``parents`` as ``str(label)``.
    parents : mapping of str to iterable of str
        As ``ClassTable.parents``.

    Returns
    -------
    float
        The mean over samples, in [0, 1].

    Raises
    ------
    InputError
        If ``k`` is out of range, a label is not in the hierarchy or a ranked one not among ``classes``, or fewer than
        ``k`` classes are connected with a true one.

    Notes
    -----
    Cost: a walk through the hierarchy for each distinct true class; memory for 256 of these at a time.

    References
    ----------
    Frome et al., "DeViSE: A deep visual-semantic embedding model", NIPS 2013, appendix.
    """
    y_true, best = _best(y_true, ranked, k)
    table = ClassTable(classes, np.empty((len(classes), 0)))
    if k > table.n_classes:
        raise InputError(f"k must be from 1 to {table.n_classes}, the number of classes; got {k}")
    tree, columns = Hierarchy(parents), table.rows(best.ravel()).reshape(best.shape)
    truths, of_sample = np.unique(y_true, return_inverse=True)
    precision = np.empty(len(y_true))
    for start in range(0, len(truths), 256):
        part = truths[start : start + 256]
        hops = tree.distances(part, table.labels)
        radius = np.partition(hops, k - 1, axis=1)[:, k - 1]
        if np.isinf(radius).any():
            label = part[np.isinf(radius)][0]
            raise InputError(f"fewer than {k} classes are connected with {label!s} in the hierarchy")
        near = hops <= radius[:, None]
        mine = (of_sample >= start) & (of_sample < start + len(part))
        precision[mine] = near[(of_sample[mine] - start)[:, None], columns[mine]].mean(axis=1)
    return float(precision.mean())


def mean_mistake_hops(y_true, y_pred, parents: Parents) -> float:
    """Mean number of edges between the true class and a wrong answer; NaN if no answer is wrong."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape:
        raise InputError(f"expected one answer a sample; got {y_pred.shape} for {y_true.shape}")
    wrong = y_true != y_pred
    if not wrong.any():
        return float("nan")
    tree, (truths, row) = Hierarchy(parents), np.unique(y_true[wrong], return_inverse=True)
    answers, column = np.unique(y_pred[wrong], return_inverse=True)
    return float(tree.distances(truths, answers)[row, column].mean())


def super_classes(labels, parents: Parents, nodes: Iterable[str]) -> dict:
    """The nearest of ``nodes`` at or above each label; None where there is none. Equally near: the first of ``nodes``.

    Parameters
    ----------
    labels : array-like of shape (c,)
    parents : mapping of str to iterable of str
    nodes : iterable of str
        Super-classes, such as the 13 of iNaturalist; those that are not in the hierarchy are above nothing.
    """
    nodes, labels, tree = list(nodes), np.asarray(labels), Hierarchy(parents)
    at = tree.rows(labels)
    # Edges upwards alone: what is below a super-class is of it, what is beside it is not.
    found: dict = dict.fromkeys(labels.tolist())
    hops = np.full(len(labels), np.inf)
    for node in nodes:
        if node not in tree.nodes:
            continue
        up = tree.steps_up_to(node)[at]
        for i in np.flatnonzero(up < hops):
            hops[i], found[labels.tolist()[i]] = up[i], node
    return found


def _best(y_true, ranked, k: int) -> tuple[np.ndarray, np.ndarray]:
    y_true, ranked = np.asarray(y_true), np.asarray(ranked)
    if ranked.ndim != 2 or len(ranked) != len(y_true) or len(y_true) == 0:
        raise InputError(f"expected ranked labels (n, k) for y of shape (n,); got {ranked.shape} for {y_true.shape}")
    if not 1 <= k <= ranked.shape[1]:
        raise InputError(f"k must be from 1 to {ranked.shape[1]}, the number of ranked labels; got {k}")
    return y_true, ranked[:, :k]
