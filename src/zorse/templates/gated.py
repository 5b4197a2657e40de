"""What methods share that first decide whether a sample is of a seen class, and then which class it is."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax
from sklearn.base import clone

from zorse.core import CapabilityError, ClassTable, InputError, Traits, ZeroShotClassifier
from zorse.templates.plain import SoftmaxRegression


class GatedClassifier(ZeroShotClassifier):
    """A method with constructor parameters ``seen_expert`` (None: softmax regression) and ``unseen_expert``.

    A paper writes ``_fit``, which sets both fitted experts, and ``_joined``, which joins what they say.

    Attributes
    ----------
    seen_expert_, unseen_expert_ : ZeroShotClassifier
        Fitted on all samples; each answers over its own kind of the candidates.
    is_seen_ : ndarray of bool, shape (c,)
        Of each candidate.
    """

    traits = Traits(open_candidates=False)
    seen_expert: ZeroShotClassifier | None
    unseen_expert: ZeroShotClassifier | None
    seen_expert_: ZeroShotClassifier
    unseen_expert_: ZeroShotClassifier
    scale_: float = 1.0  # of the unseen expert's scores before the softmax

    def _experts(self, X: np.ndarray, y: np.ndarray, table: ClassTable) -> tuple[ZeroShotClassifier, ...]:
        """Both experts, fitted on samples of classes that are all seen."""
        seen = SoftmaxRegression() if self.seen_expert is None else self.seen_expert
        for expert in (seen, self.unseen_expert):
            if not isinstance(expert, ZeroShotClassifier):
                raise CapabilityError(f"{type(self).__name__} joins two zero-shot classifiers; got {expert!r}")
        return clone(seen).fit(X, y, classes=table), clone(self.unseen_expert).fit(X, y, classes=table)

    def _prepare(self, table: ClassTable) -> None:
        self.is_seen_ = np.isin(table.labels, self.seen_)
        if self.is_seen_.any():
            self.seen_expert_ = self.seen_expert_.with_candidates(table.select(table.labels[self.is_seen_]))
        if not self.is_seen_.all():
            self.unseen_expert_ = self.unseen_expert_.with_candidates(table.select(table.labels[~self.is_seen_]))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        out = np.empty((len(X), table.n_classes))
        of_seen, of_unseen = None, None
        if self.is_seen_.any():
            of_seen = log_softmax(self._seen_scores(X), axis=1)
        if not self.is_seen_.all():
            of_unseen = log_softmax(self.scale_ * self.unseen_expert_.scores(X), axis=1)
        if of_seen is not None and of_unseen is not None:
            of_seen, of_unseen = self._joined(X, of_seen, of_unseen)
        if of_seen is not None:
            out[:, self.is_seen_] = of_seen
        if of_unseen is not None:
            out[:, ~self.is_seen_] = of_unseen
        return out

    def _seen_scores(self, X: np.ndarray) -> np.ndarray:
        return self.seen_expert_.scores(X)

    def _joined(self, X: np.ndarray, of_seen: np.ndarray, of_unseen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Comparable scores from the experts' log-probabilities of seen (n, s) and unseen (n, u) candidates."""
        raise NotImplementedError


def pseudo_unseen(
    y: np.ndarray, held_out_classes: float, held_out: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Which of the seen classes play unseen, and a mask (n,) of the samples that a gate is learned from.

    Those are all samples of the ``held_out_classes`` share of classes, at least one and not all, and ``held_out`` of
    the samples of each other class.

    Raises
    ------
    InputError
        If there is one class only, or no other class with a sample to spare.
    """
    labels = np.unique(y)
    if len(labels) < 2:
        raise InputError(f"a gate needs at least two seen classes; got {labels[0]!s} alone")
    unseen = rng.permutation(labels)[: min(max(1, round(held_out_classes * len(labels))), len(labels) - 1)]
    of_unseen = np.isin(y, unseen)
    mask = of_unseen | (some_of_each(y, held_out, rng) & ~of_unseen)
    if of_unseen[mask].all():
        raise InputError("a gate needs a seen class with a sample to spare")
    return np.sort(unseen), mask


def some_of_each(y: np.ndarray, share: float, rng: np.random.RandomState) -> np.ndarray:
    """Mask (n,) of ``share`` of the samples of each class, at least one unless ``share`` is 0, and never all."""
    mask = np.zeros(len(y), dtype=bool)
    for label in np.unique(y) if share else ():
        own = rng.permutation(np.flatnonzero(y == label))
        mask[own[: min(len(own) - 1, max(1, round(share * len(own))))]] = True
    return mask
