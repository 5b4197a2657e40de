"""Any entity of an encyclopedia: accuracy by kind of question, and by whether the entity was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zorse.core import InputError, Paper, implements
from zorse.training.validation import harmonic_mean

SPLITS = ("entity", "query")
OVEN = Paper(
    title="Open-domain Visual Entity Recognition: Towards Recognizing Millions of Wikipedia Entities",
    authors="Hexiang Hu, Yi Luan, Yang Chen, Urvashi Khandelwal, Mandar Joshi, Kenton Lee, Kristina Toutanova, "
    "Ming-Wei Chang",
    venue="ICCV",
    year=2023,
    url="https://arxiv.org/abs/2302.11154",
    aka=("OVEN", "OVEN-Wiki"),
    seed=157,
)


@dataclass(frozen=True)
class EntityReport:
    """Shares of samples that are right, in [0, 1]. A part without samples, and every mean over it, is NaN.

    Attributes
    ----------
    entity_seen, entity_unseen : float
        Questions for the main thing on the image, whose entity was, or was not, trained on.
    query_seen, query_unseen : float
        Questions that ask for something in particular.
    """

    entity_seen: float
    entity_unseen: float
    query_seen: float
    query_unseen: float

    @property
    def entity(self) -> float:
        """Harmonic mean of seen and unseen on the entity split."""
        return harmonic_mean(self.entity_seen, self.entity_unseen)

    @property
    def query(self) -> float:
        """Harmonic mean of seen and unseen on the query split."""
        return harmonic_mean(self.query_seen, self.query_unseen)

    @property
    def overall(self) -> float:
        """Harmonic mean of both splits' harmonic means."""
        return harmonic_mean(self.entity, self.query)

    def as_dict(self) -> dict[str, float]:
        """All seven figures."""
        return {
            "entity seen": self.entity_seen,
            "entity unseen": self.entity_unseen,
            "entity HM": self.entity,
            "query seen": self.query_seen,
            "query unseen": self.query_unseen,
            "query HM": self.query,
            "overall HM": self.overall,
        }

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.3f}" for name, value in self.as_dict().items())


@implements(OVEN)
def evaluate_entities(y_true, y_pred, split, seen) -> EntityReport:
    """Open-domain entity protocol of OVEN: entity and query split, seen and unseen entities, harmonic means of both.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        Entities, by whatever names them. For millions of candidates, :func:`top_k_streamed` finds the answers.
    split : array-like of shape (n,)
        "entity" or "query" for each sample.
    seen : array-like of labels
        The entities that occur in training.

    Returns
    -------
    EntityReport

    Raises
    ------
    InputError
        If sizes disagree or a split is neither of the two.

    Notes
    -----
    Differs from the paper: in nothing; a sample counts the same however many its entity has, as there.

    Cost: O(n log n).

    References
    ----------
    Hu, Luan, Chen, Khandelwal, Joshi, Lee, Toutanova and Chang, "Open-domain visual entity recognition: towards
    recognizing millions of Wikipedia entities", ICCV 2023.
    """
    y_true, y_pred, split = np.asarray(y_true), np.asarray(y_pred), np.asarray(split)
    if not (y_true.shape == y_pred.shape == split.shape) or y_true.ndim != 1:
        raise InputError(
            f"expected an entity, an answer and a split a sample; got {y_true.shape}, {y_pred.shape} and {split.shape}"
        )
    strange = np.setdiff1d(split, SPLITS)
    if len(strange):
        raise InputError(f"a split is 'entity' or 'query'; got {strange[0]!s}")
    right, known = y_true == y_pred, np.isin(y_true, np.asarray(seen))

    def part(name: str, trained: bool) -> float:
        own = (split == name) & (known == trained)
        return float(right[own].mean()) if own.any() else float("nan")

    return EntityReport(*(part(name, trained) for name in SPLITS for trained in (True, False)))
