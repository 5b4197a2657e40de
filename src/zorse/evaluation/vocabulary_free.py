"""How well images are named where no list of names was given."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.utils.validation import check_consistent_length


def cluster_accuracy(y: Sequence | np.ndarray, named: Sequence | np.ndarray) -> float:
    """Share of samples that are right when names are matched to true labels one to one, as well as possible.

    Parameters
    ----------
    y, named : array-like of shape (n,)
        True labels, and the names that were given; the two vocabularies need not meet.

    Notes
    -----
    The Hungarian method on the table of counts: O(n + v^2 c) for v names and c labels.
    """
    check_consistent_length(y, named)
    if len(y) == 0:
        return float("nan")
    labels, at = np.unique(np.asarray(y).astype(str), return_inverse=True)
    names, by = np.unique(np.asarray(named).astype(str), return_inverse=True)
    counts = np.zeros((len(labels), len(names)), dtype=int)
    np.add.at(counts, (at, by), 1)
    return float(counts[linear_sum_assignment(-counts)].sum() / len(at))


def semantic_iou(y: Sequence | np.ndarray, named: Sequence | np.ndarray) -> float:
    """Mean share of words that a true label and the name that was given have in common, of all words of the two.

    Parameters
    ----------
    y, named : array-like of shape (n,)
        Texts; case, underscores and punctuation do not matter.
    """
    check_consistent_length(y, named)
    shares = []
    for true, given in zip(map(_words, y), map(_words, named), strict=True):
        either = true | given
        shares.append(len(true & given) / len(either) if either else 0.0)
    return float(np.mean(shares)) if shares else float("nan")


def _words(text) -> set[str]:
    return set(re.findall(r"\w+", str(text).casefold().replace("_", " ")))
