"""How good the tags of images are."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import label_ranking_average_precision_score

from zorse.core import InputError


def mean_image_average_precision(Y: np.ndarray, scores: np.ndarray) -> float:
    """MiAP: average precision of the ranking of each image's tags, averaged over the images that have any; in [0, 1].

    Parameters
    ----------
    Y : ndarray of bool, shape (n, c)
        Which tags an image has.
    scores : ndarray of shape (n, c)
        Larger is likelier; of equal scores the wrong ones count as ranked first.
    """
    Y, scores = _with_tags(Y, scores)
    return float(label_ranking_average_precision_score(Y, scores))


def precision_recall_f1_at(Y: np.ndarray, scores: np.ndarray, k: int) -> tuple[float, float, float]:
    """Precision, recall and F1 over all images together where each is given the ``k`` likeliest tags.

    Precision is the share of given tags that are right, recall that of true tags that are given. Images without tags
    are left out; of equal scores the first columns are given.
    """
    Y, scores = _with_tags(Y, scores)
    if not 1 <= k <= Y.shape[1]:
        raise InputError(f"k must be between 1 and the {Y.shape[1]} tags there are; got {k}")
    given = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = float(np.take_along_axis(Y, given, axis=1).sum())
    precision, recall = hits / given.size, hits / float(Y.sum())
    return precision, recall, 2 * hits / (given.size + float(Y.sum()))


def _with_tags(Y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    Y, scores = np.asarray(Y, dtype=bool), np.asarray(scores)
    if Y.ndim != 2 or Y.shape != scores.shape:
        raise InputError(f"expected tags and scores of one shape (n, c); got {Y.shape} and {scores.shape}")
    some = Y.any(axis=1)
    if not some.any():
        raise InputError("no image has a tag, so that there is nothing to rank")
    return Y[some], scores[some]
