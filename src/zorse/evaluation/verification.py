"""Same or not: how well a similarity tells pairs of one kind from pairs of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_random_state

from zorse.core import InputError


@dataclass(frozen=True, eq=False)
class Verification:
    """Accuracies of pairs, in [0, 1].

    Attributes
    ----------
    accuracy, deviation : float
        Mean and standard deviation over folds, each judged by the threshold that is best on the other folds.
    thresholds : ndarray of shape (folds,)
        A pair is called the same from its threshold on.
    far, tar : ndarray of shape (m,)
        The ROC curve over all pairs: share of different pairs accepted, ascending, and of same pairs accepted.
    """

    accuracy: float
    deviation: float
    thresholds: np.ndarray
    far: np.ndarray
    tar: np.ndarray

    @property
    def auc(self) -> float:
        """Area under the ROC curve."""
        return float(np.trapezoid(self.tar, self.far))

    @property
    def eer(self) -> float:
        """Equal error rate: where as large a share of different pairs is accepted as of same pairs refused."""
        gap = self.far - (1 - self.tar)  # ascends from -1 to 1
        after = int(np.searchsorted(gap, 0))
        if gap[after] == 0:
            return float(self.far[after])
        part = -gap[after - 1] / (gap[after] - gap[after - 1])
        return float(self.far[after - 1] + part * (self.far[after] - self.far[after - 1]))

    def tar_at(self, far: float) -> float:
        """TAR@FAR: the most same pairs accepted while at most ``far`` of the different ones are."""
        return float(self.tar[np.searchsorted(self.far, far, side="right") - 1])


def verify(similarities, same, folds: int | np.ndarray = 10) -> Verification:
    """Judge pairs by a threshold on their similarity, chosen on other folds.

    Parameters
    ----------
    similarities : array-like of shape (n,)
        Larger is more alike.
    same : array-like of bool, shape (n,)
    folds : int or array-like of shape (n,), default=10
        The fold of each pair; a number cuts the pairs, in their order, into so many, as LFW's list is made.

    Raises
    ------
    InputError
        If sizes disagree, a similarity is NaN, or pairs of one kind or a second fold are missing.

    Notes
    -----
    Cost: O(n log n) a fold. Thresholds lie halfway between two similarities; of several that are as good, the highest.
    """
    similarities, same = np.asarray(similarities, dtype=np.float64), np.asarray(same, dtype=bool)
    if similarities.ndim != 1 or same.shape != similarities.shape:
        raise InputError(f"expected a similarity and a bool a pair; got {similarities.shape} and {same.shape}")
    if np.isnan(similarities).any():
        raise InputError(f"the similarity of pair {int(np.flatnonzero(np.isnan(similarities))[0])} is NaN")
    if same.all() or not same.any():
        raise InputError(f"pairs of both kinds are needed; got {same.sum()} of the same and {(~same).sum()} of two")
    fold = np.arange(len(same)) * int(folds) // len(same) if np.ndim(folds) == 0 else np.asarray(folds)
    if fold.shape != same.shape or len(np.unique(fold)) < 2:
        raise InputError(f"expected at least two folds, and one for each of {len(same)} pairs; got {folds!r}")
    accuracies, thresholds = [], []
    for held_out in np.unique(fold):
        test = fold == held_out
        threshold = best_threshold(similarities[~test], same[~test])
        thresholds.append(threshold)
        accuracies.append(np.mean((similarities[test] >= threshold) == same[test]))
    _, accepted_same, accepted_other = _accepted(similarities, same)
    return Verification(
        accuracy=float(np.mean(accuracies)),
        deviation=float(np.std(accuracies)),
        thresholds=np.array(thresholds),
        far=accepted_other / accepted_other[-1],
        tar=accepted_same / accepted_same[-1],
    )


def best_threshold(similarities: np.ndarray, same: np.ndarray) -> float:
    """The threshold that calls most pairs right."""
    values, accepted_same, accepted_other = _accepted(similarities, same)
    j = int((accepted_same - accepted_other).argmax())  # refusing a different pair counts as much as accepting a same
    if j == 0:
        return float(np.nextafter(values[0], np.inf))
    return float((values[j - 1] + values[j]) / 2) if j < len(values) else float(values[-1])


def _accepted(similarities: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct similarities, largest first, and how many pairs of each kind the first j of them accept, j from 0."""
    values, group = np.unique(-similarities, return_inverse=True)
    accepted = np.zeros((2, len(values) + 1))
    for of_kind, kind in zip(accepted, (same, ~same), strict=True):
        of_kind[1:] = np.bincount(group, weights=kind, minlength=len(values)).cumsum()
    return -values, accepted[0], accepted[1]


def deal_pairs(labels, n_pairs: int = 6000, folds: int = 10, random_state=0) -> tuple[np.ndarray, ...]:
    """Pairs as LFW's list has them: in every fold as many of one kind as of two, and no person in two folds.

    Parameters
    ----------
    labels : array-like of shape (n,)
        Who is on each image.
    n_pairs : int, default=6000
        At most; fewer where a fold has not enough.
    folds : int, default=10
    random_state : int, RandomState or None

    Returns
    -------
    pairs : ndarray of shape (m, 2)
        Rows of images.
    same : ndarray of bool, shape (m,)
    fold : ndarray of int, shape (m,)

    Raises
    ------
    InputError
        If a fold would have no pair of either kind: too few people, or too few with two images.
    """
    labels, rng = np.asarray(labels), check_random_state(random_state)
    people, person = np.unique(labels, return_inverse=True)
    twice = np.bincount(person) > 1
    # Those with several images are dealt evenly, so that every fold gets some.
    order = np.concatenate([rng.permutation(np.flatnonzero(twice)), rng.permutation(np.flatnonzero(~twice))])
    dealt = np.empty(len(people), dtype=int)
    dealt[order] = np.arange(len(people)) % folds
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for fold in range(folds):
        at = np.flatnonzero(dealt[person] == fold)
        first, second = np.triu_indices(len(at), k=1)
        alike = person[at[first]] == person[at[second]]
        kinds = [np.flatnonzero(alike), np.flatnonzero(~alike)]
        n = min(n_pairs // (2 * folds), *map(len, kinds))
        if n == 0:
            raise InputError(
                f"fold {fold} of {folds} has no pair of one person, or none of two: {len(people)} people, "
                f"{twice.sum()} with two images or more; take fewer folds"
            )
        chosen = np.concatenate([rng.permutation(kind)[:n] for kind in kinds])
        found.append((np.stack([at[first[chosen]], at[second[chosen]]], axis=1), alike[chosen], np.full(2 * n, fold)))
    pairs, same, fold_of = (np.concatenate(part) for part in zip(*found, strict=True))
    return pairs, same, fold_of
