"""The generalised zero-shot protocol: unseen classes alone, then all classes together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from zorse.core import InputError, Paper, ZeroShotClassifier, implements
from zorse.data import ZeroShotTask
from zorse.evaluation.accuracy import mean_class_top_k, per_class_accuracy
from zorse.evaluation.hubness import hubness_skewness
from zorse.evaluation.seen_unseen import SeenUnseenCurve, seen_unseen_curve
from zorse.training.validation import harmonic_mean

__all__ = ["GZSLReport", "evaluate", "harmonic_mean"]


@dataclass(frozen=True)
class GZSLReport:
    """Top-1 accuracies averaged over classes, in [0, 1]. A part without test samples is NaN.

    Attributes
    ----------
    zsl : float
        Unseen samples among unseen candidates.
    unseen : float
        U: unseen samples among all candidates.
    seen : float
        S: held-out seen samples among all candidates.
    ausuc : float
        Area under the seen-unseen curve; it depends on no calibration.
    zsl_by_class, unseen_by_class, seen_by_class : dict
        Accuracy of each class, by label; the first three figures are their means.
    top5 : float
        Unseen samples whose class is among the five best unseen candidates; NaN where there are no more than five.
    hubness : float
        Skewness of N_1 of unseen samples among unseen candidates.
    curve : SeenUnseenCurve or None
        The trade-off at every penalty on the scores of seen classes.
    """

    zsl: float
    unseen: float
    seen: float
    ausuc: float
    zsl_by_class: dict = field(default_factory=dict, repr=False)
    unseen_by_class: dict = field(default_factory=dict, repr=False)
    seen_by_class: dict = field(default_factory=dict, repr=False)
    top5: float = float("nan")
    hubness: float = float("nan")
    curve: SeenUnseenCurve | None = field(default=None, repr=False)

    @property
    def harmonic(self) -> float:
        """H = 2 S U / (S + U)."""
        return harmonic_mean(self.seen, self.unseen)

    @property
    def worst(self) -> float:
        """Accuracy of the unseen class that is recognised worst among unseen candidates."""
        return min(self.zsl_by_class.values(), default=float("nan"))

    def as_dict(self) -> dict[str, float]:
        """The five figures that papers report."""
        return {"zsl": self.zsl, "U": self.unseen, "S": self.seen, "H": self.harmonic, "AUSUC": self.ausuc}

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.3f}" for name, value in self.as_dict().items())


@implements(
    Paper(
        title="Zero-Shot Learning -- A Comprehensive Evaluation of the Good, the Bad and the Ugly",
        authors="Yongqin Xian, Christoph H. Lampert, Bernt Schiele, Zeynep Akata",
        venue="TPAMI",
        year=2018,
        url="https://arxiv.org/abs/1707.00600",
        aka=("generalised zero-shot protocol", "the good, the bad and the ugly", "proposed splits"),
        seed=1,
    )
)
def evaluate(model: ZeroShotClassifier, task: ZeroShotTask) -> GZSLReport:
    """The generalised zero-shot protocol: accuracy of every class counts alike, alone and where all classes compete.

    The model is never told which sample is of which kind.

    Parameters
    ----------
    model : ZeroShotClassifier
        Fitted on the training samples of ``task``.
    task : ZeroShotTask

    Raises
    ------
    InputError
        If the task has no unseen test sample.

    Notes
    -----
    Unseen samples among unseen candidates give the zero-shot accuracy; among all candidates they give U, held-out
    samples of seen classes give S, and H is the harmonic mean. Each is the mean over classes of the share of the
    class's samples that are right; a class without test samples is not counted. That no unseen class occurs in training
    is what :class:`~zorse.data.ZeroShotTask` makes sure of; that the encoder of the features has not met it is a
    matter of the split.

    Cost: one scoring of each sample among all classes and of unseen ones among unseen classes, O(n c + n log n)
    beside it.

    References
    ----------
    Xian, Lampert, Schiele and Akata, "Zero-shot learning -- a comprehensive evaluation of the good, the bad and the
    ugly", TPAMI 41(9), 2018.
    """
    (X_seen, y_seen), (X_unseen, y_unseen) = task.test_seen, task.test_unseen
    if not len(y_unseen):
        raise InputError(f"task {task.name!r} has no unseen test samples")
    everything, candidates = model.with_candidates(task.classes), task.classes.select(task.unseen)
    alone = model.with_candidates(candidates).scores(X_unseen)
    zsl = per_class_accuracy(y_unseen, candidates.labels[alone.argmax(axis=1)])
    top5 = mean_class_top_k(y_unseen, alone, candidates, 5) if candidates.n_classes > 5 else float("nan")
    scores_unseen = everything.scores(X_unseen)
    unseen = per_class_accuracy(y_unseen, task.classes.labels[scores_unseen.argmax(axis=1)])
    report = GZSLReport(
        _mean(zsl), _mean(unseen), float("nan"), float("nan"), zsl, unseen, {}, top5, hubness_skewness(alone)
    )
    if not len(y_seen):
        return report
    scores_seen = everything.scores(X_seen)
    seen = per_class_accuracy(y_seen, task.classes.labels[scores_seen.argmax(axis=1)])
    scores, y = np.concatenate([scores_seen, scores_unseen]), np.concatenate([y_seen, y_unseen])
    curve = seen_unseen_curve(scores, y, task.classes, task.seen)
    return replace(report, seen=_mean(seen), seen_by_class=seen, curve=curve, ausuc=curve.area)


def _mean(by_class: dict) -> float:
    return float(np.mean(list(by_class.values())))
