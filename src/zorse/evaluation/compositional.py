"""Compositional zero-shot learning: seen against unseen pairs under every bias, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from zorse.core import ClassTable, InputError, ZeroShotClassifier
from zorse.data.compositional import CompositionalTask, open_world
from zorse.training.validation import Contest, SeenUnseenCurve, contest, curve_of_contest


@dataclass(frozen=True)
class CompositionalReport:
    """What the field reports, in [0, 1]; accuracies are over samples.

    Attributes
    ----------
    seen, unseen : float
        Best accuracy on seen and on unseen pairs, each with the bias that serves it alone.
    harmonic : float
        Best harmonic mean of both over all biases.
    auc : float
        Area under accuracy on seen as a function of accuracy on unseen pairs.
    attribute, object : float
        Share of samples whose predicted pair has the right attribute, object; without a bias.
    bias : float
        Where the best harmonic mean is reached: added to the scores of unseen pairs.
    curve : SeenUnseenCurve
    """

    seen: float
    unseen: float
    harmonic: float
    auc: float
    attribute: float
    object: float
    bias: float
    curve: SeenUnseenCurve

    def as_dict(self) -> dict[str, float]:
        """The six figures under the field's names."""
        return {
            "S": self.seen,
            "U": self.unseen,
            "HM": self.harmonic,
            "AUC": self.auc,
            "attribute": self.attribute,
            "object": self.object,
        }

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.3f}" for name, value in self.as_dict().items())


def compositional_report(scores: np.ndarray, y, table: ClassTable, seen) -> CompositionalReport:
    """Every figure from one score matrix, in O(n c + n log n): the break points are the samples' own margins, no bins.

    The evaluator that the field shares tries about 20 biases, each a pass over all scores, and joins what it finds by
    straight lines.

    Parameters
    ----------
    scores : ndarray of shape (n, c)
        Columns in the order of ``table``.
    y : array-like of shape (n,)
        True pairs, seen and unseen ones.
    table : ClassTable
        Pairs, with ``parents``.
    seen : array-like of labels
        Pairs that were trained on; those that are no candidates are passed over.

    Raises
    ------
    InputError
        If sizes disagree, a pair is unknown, or pairs or samples of one kind are missing.
    """
    rows, mask = table.rows(y), np.isin(table.labels, seen)
    scores = np.asarray(scores)
    if scores.shape != (len(rows), table.n_classes):
        raise InputError(f"expected scores of shape {(len(rows), table.n_classes)}; got {scores.shape}")
    _check_kinds(mask)
    return _report(contest(scores, mask), rows, table, mask)


def evaluate_compositional(
    model: ZeroShotClassifier,
    task: CompositionalTask,
    *,
    part: Literal["test", "val"] = "test",
    world: Literal["closed", "open"] = "closed",
    feasible=None,
    batch_size: int = 1024,
) -> CompositionalReport:
    """Score a fitted model on the test or validation samples of ``task``, ``batch_size`` samples at a time.

    Parameters
    ----------
    model : ZeroShotClassifier
    task : CompositionalTask
    part : {"test", "val"}
    world : {"closed", "open"}
        Candidates are the pairs of training and of ``part``, or all attributes with all objects.
    feasible : callable, optional
        Open world: takes the table of all pairs and gives a mask (c,) of those that are let in. Pairs of training
        always are; a sample whose pair is kept out counts as wrong.
    batch_size : int

    Raises
    ------
    InputError
        If the part has no samples of seen or of unseen pairs, or an argument is unknown.
    """
    if part not in ("test", "val") or world not in ("closed", "open"):
        raise InputError(f"part is 'test' or 'val' and world 'closed' or 'open'; got {part!r} and {world!r}")
    (X_seen, y_seen), (X_unseen, y_unseen) = (
        (task.test_seen, task.test_unseen) if part == "test" else (task.val_seen, task.val_unseen)
    )
    X, y = np.concatenate([X_seen, X_unseen]), np.concatenate([y_seen, y_unseen])
    if world == "closed":
        candidates = task.classes.select(task.classes.labels[np.isin(task.classes.labels, [*task.seen, *y])])
        kept = np.ones(candidates.n_classes, dtype=bool)
    else:
        candidates = open_world(task.classes)
        kept = np.ones(candidates.n_classes, dtype=bool) if feasible is None else np.array(feasible(candidates), bool)
    rows, mask = candidates.rows(y), np.isin(candidates.labels, task.seen)
    kept |= mask
    _check_kinds(mask[kept])
    answering, place = model.with_candidates(candidates), np.flatnonzero(kept)
    parts = []
    for start in range(0, len(X), batch_size):
        scores = answering.scores(X[start : start + batch_size])
        one = contest(scores if kept.all() else scores[:, kept], mask[kept])
        parts.append(Contest(place[one.seen], place[one.unseen], one.margin))
    outcome = Contest(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("seen", "unseen", "margin")))
    return _report(outcome, rows, candidates, mask)


def _check_kinds(mask: np.ndarray) -> None:
    if mask.all() or not mask.any():
        raise InputError("a compositional report needs seen and unseen pairs among the candidates")


def _report(outcome: Contest, rows: np.ndarray, table: ClassTable, mask: np.ndarray) -> CompositionalReport:
    curve = curve_of_contest(outcome, rows, mask, by_class=False)
    total = curve.seen + curve.unseen
    harmonic = 2 * curve.seen * curve.unseen / np.where(total > 0, total, 1)
    best = int(harmonic.argmax())
    # Step j holds between its two break points; at the ends there is one, and any bias beyond it will do.
    edges = np.concatenate([curve.penalties[:1] - 1, curve.penalties, curve.penalties[-1:] + 1])
    words = np.array([(table.parents or {})[str(label)] for label in table.labels])
    # As an argmax over all columns, of equal scores the first.
    to_seen = (outcome.margin > 0) | ((outcome.margin == 0) & (outcome.seen < outcome.unseen))
    predicted = np.where(to_seen, outcome.seen, outcome.unseen)
    right = (words[predicted] == words[rows]).mean(axis=0)
    return CompositionalReport(
        seen=float(curve.seen[0]),
        unseen=float(curve.unseen[-1]),
        harmonic=float(harmonic[best]),
        auc=curve.area,
        attribute=float(right[0]),
        object=float(right[1]),
        bias=float(edges[best : best + 2].mean()),
        curve=curve,
    )
