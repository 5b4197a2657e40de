"""Accuracy along a long tail: by how many images a class was trained on, and by super-class."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from zorse.core import InputError, Paper, ZeroShotClassifier, implements
from zorse.data import ZeroShotTask
from zorse.evaluation.hierarchy import Parents, ranked_labels, super_classes
from zorse.training.validation import mean_class_accuracy

# Three steps a decade. A class without training images (zero-shot) has a bin of its own.
EDGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


@dataclass(frozen=True)
class Group:
    """Some classes, and how well they are told apart from all others.

    Attributes
    ----------
    name : str
        "20 to 49 images", or a super-class.
    n_classes, n_samples : int
        Of the test.
    accuracy : float
        Mean class accuracy in [0, 1].
    coarse : float
        For a super-class: share of its samples whose answer lies in it, be it the wrong class; else NaN.
    """

    name: str
    n_classes: int
    n_samples: int
    accuracy: float
    coarse: float = float("nan")


@dataclass(frozen=True)
class LongTailReport:
    """What one average hides.

    Attributes
    ----------
    top1 : float
        Share of samples that are right.
    top5 : float
        Share of samples whose class is among the five best; NaN without ranked labels.
    mean_class, worst_class : float
        Mean and least accuracy of a class.
    worst_label : object
        The class with it; the first of several.
    bins : tuple of Group
        Classes by number of training images, the tail first; bins without a test class are left out.
    super_classes : tuple of Group
        In the order asked for.
    """

    top1: float
    top5: float
    mean_class: float
    worst_class: float
    worst_label: object
    bins: tuple[Group, ...]
    super_classes: tuple[Group, ...]

    def __str__(self) -> str:
        lines = [
            f"top-1 {self.top1:.3f}  top-5 {self.top5:.3f}  mean class {self.mean_class:.3f}  "
            f"worst class {self.worst_class:.3f} ({self.worst_label})"
        ]
        lines += [f"{g.name}: {g.accuracy:.3f} ({g.n_classes} classes)" for g in (*self.bins, *self.super_classes)]
        return "\n".join(lines)


@implements(
    Paper(
        title="The iNaturalist Species Classification and Detection Dataset",
        authors="Grant Van Horn, Oisin Mac Aodha, Yang Song, Yin Cui, Chen Sun, Alex Shepard, Hartwig Adam, "
        "Pietro Perona, Serge Belongie",
        venue="CVPR",
        year=2018,
        url="https://arxiv.org/abs/1707.06642",
        aka=("iNaturalist", "iNat2017"),
        seed=102,
    )
)
def long_tail_report(
    y_true,
    ranked,
    train_counts: Mapping | None = None,
    parents: Parents | None = None,
    supers: Iterable[str] = (),
    edges: Iterable[int] = EDGES,
) -> LongTailReport:
    """Long-tail protocol of iNaturalist: top-1, top-5, accuracy by number of training images and by super-class.

    Parameters
    ----------
    y_true : array-like of shape (n,)
    ranked : array-like of shape (n,) or (n, k)
        Answers, or labels with the best first; top-5 needs five of them.
    train_counts : mapping of label to int, optional
        Training images of each class; one that is missing has none. Without the mapping there are no bins.
    parents : mapping of str to iterable of str, optional
        As ``ClassTable.parents``; needed for super-classes.
    supers : iterable of str
        Nodes that group the classes; a class belongs to the nearest one above it.
    edges : iterable of int, default=0, 1, 2, 5, 10, 20, 50, ... 10,000
        Smallest number of images of each bin, ascending from 0.

    Returns
    -------
    LongTailReport

    Raises
    ------
    InputError
        If sizes disagree, edges do not ascend from 0, or super-classes are asked for without a hierarchy.

    Notes
    -----
    Differs from the paper: it groups classes by number of images in a figure; the edges here, three a decade, are
    ours. Its public and private halves of the test are a matter of who may see the labels and are left out.

    Cost: O(n + c log c), and a walk up from every super-class.

    References
    ----------
    Van Horn et al., "The iNaturalist species classification and detection dataset", CVPR 2018.
    """
    y_true, ranked = np.asarray(y_true), np.asarray(ranked)
    ranked = ranked[:, None] if ranked.ndim == 1 else ranked
    if ranked.ndim != 2 or len(ranked) != len(y_true) or len(y_true) == 0:
        raise InputError(f"expected answers (n,) or (n, k) for y of shape (n,); got {ranked.shape} for {y_true.shape}")
    labels, row = np.unique(y_true, return_inverse=True)
    n = np.bincount(row)
    accuracy = np.bincount(row, weights=ranked[:, 0] == y_true) / n
    worst = int(accuracy.argmin())
    return LongTailReport(
        top1=float((ranked[:, 0] == y_true).mean()),
        top5=float((ranked[:, :5] == y_true[:, None]).any(axis=1).mean()) if ranked.shape[1] >= 5 else float("nan"),
        mean_class=mean_class_accuracy(y_true, ranked[:, 0]),
        worst_class=float(accuracy[worst]),
        worst_label=labels[worst].item(),
        bins=() if train_counts is None else _bins(labels, n, accuracy, train_counts, list(edges)),
        super_classes=_supers(y_true, ranked[:, 0], labels, row, accuracy, parents, list(supers)),
    )


def evaluate_long_tail(
    model: ZeroShotClassifier, task: ZeroShotTask, supers: Iterable[str] = (), edges: Iterable[int] = EDGES
) -> LongTailReport:
    """The long-tail protocol for a fitted model: all test samples, over all classes of ``task``.

    Training images are counted in the task; an unseen class is the far end of the tail, with none. Super-classes are
    nodes of the class table's ``parents``.
    """
    labels, counts = np.unique(task.train[1], return_counts=True)
    index = np.concatenate([task.test_seen_index, task.test_unseen_index])
    if not len(index):
        raise InputError(f"task {task.name!r} has no test samples")
    scores = model.with_candidates(task.classes).scores(task.X[index])
    return long_tail_report(
        task.y[index],
        ranked_labels(scores, task.classes, min(5, task.classes.n_classes)),
        dict(zip(labels.tolist(), counts.tolist(), strict=True)),
        task.classes.parents,
        supers,
        edges,
    )


def _bins(labels, n, accuracy, train_counts: Mapping, edges: list[int]) -> tuple[Group, ...]:
    if not edges or edges[0] != 0 or any(b <= a for a, b in itertools.pairwise(edges)):
        raise InputError(f"edges must ascend from 0; got {edges}")
    counts = np.array([train_counts.get(label, 0) for label in labels.tolist()])
    at = np.searchsorted(edges, counts, side="right") - 1
    groups = []
    for i in np.unique(at):
        low, high = edges[i], edges[i + 1] - 1 if i + 1 < len(edges) else None
        name = f"{low} or more" if high is None else f"{low}" if low == high else f"{low} to {high}"
        own = at == i
        groups.append(Group(f"{name} images", int(own.sum()), int(n[own].sum()), float(accuracy[own].mean())))
    return tuple(groups)


def _supers(y_true, y_pred, labels, row, accuracy, parents, supers: list[str]) -> tuple[Group, ...]:
    if not supers:
        return ()
    if parents is None:
        raise InputError("super-classes need a hierarchy; pass parents=")
    above = super_classes(np.union1d(labels, y_pred), parents, supers)
    mine = np.array([above[label] for label in labels.tolist()], dtype=object)
    answered = np.array([above[label] for label in y_pred.tolist()], dtype=object)
    groups = []
    for node in supers:
        own = mine == node
        if own.any():
            samples = own[row]
            coarse = float((answered[samples] == node).mean())
            groups.append(Group(node, int(own.sum()), int(samples.sum()), float(accuracy[own].mean()), coarse))
    return tuple(groups)
