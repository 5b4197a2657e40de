"""How often the answer is right, by what the image's folder or the caller says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zorse.core.errors import InputError
from zorse.semantics.labels import same_name

if TYPE_CHECKING:
    from zorse.evaluation import Interval, Reliability
    from zorse.jobs.classification import Prediction


def _reliability() -> Reliability:
    from zorse.evaluation import Reliability

    return Reliability()


class Truth:
    """What an image is, by its folder's name or by the caller's own list.

    Case is ignored, ``_`` and ``-`` count as spaces.

    Parameters
    ----------
    labels : iterable of str
        The candidates.
    source : "folder" or mapping of str to str
        ``"folder"``: the parent folder's name. A mapping gives the label of each path.

    Raises
    ------
    InputError
        If two labels look the same that way, or ``source`` is neither.
    """

    def __init__(self, labels: Iterable[str], source: str | Mapping[str, str]):
        if source != "folder" and not isinstance(source, Mapping):
            raise InputError(
                f"the truth is 'folder' (the parent folder's name) or a dict of path to label; got {source!r}"
            )
        self.source = source
        self.label_of: dict[str, str] = {}
        for label in labels:
            other = self.label_of.setdefault(_plain(label), label)
            if other != label:
                raise InputError(f"labels {other!r} and {label!r} cannot be told apart by a folder's name")

    def __call__(self, key: str, folder: str | None) -> str | None:
        """The label of an image, or what the source says where that is no label; None where it says nothing."""
        said = self.source.get(key) if isinstance(self.source, Mapping) else folder
        return None if said is None else self.label_of.get(_plain(said), said)


@dataclass
class Agreement:
    """Predictions counted against the truth, one at a time.

    Attributes
    ----------
    labels : tuple of str
        Every candidate.
    n : int
        Images that were read and whose truth is a label; only these are scored.
    confusion : Counter of (truth, predicted)
        Of the scored images.
    within_five : int
        Scored images whose true label is among the five best.
    reliability : Reliability
        How often the likeliest label was right, by how probable it was said to be.
    covered : int
        Scored images whose set or list of labels holds the truth.
    fitting : int
        Scored images whose answer, at its depth of the tree, holds of the truth.
    in_tree : bool
        Answers are nodes of a tree; the confusion counts the likeliest label all the same.
    strangers : Counter of str
        Truths that are no label, with their images.
    """

    labels: tuple[str, ...]
    n: int = 0
    confusion: Counter = field(default_factory=Counter)
    within_five: int = 0
    reliability: Reliability = field(default_factory=_reliability)
    covered: int = 0
    with_answers: int = 0
    fitting: int = 0
    in_tree: bool = False
    strangers: Counter = field(default_factory=Counter)

    def add(self, row: Prediction) -> None:
        """Count one prediction; one that failed is left out."""
        if row.error is not None:
            return
        if row.rank is None:
            self.strangers[row.truth or ""] += 1
            return
        self.n += 1
        self.in_tree = self.in_tree or row.branch is not None
        self.confusion[row.truth, row.label if row.branch is None else row.top[0][0]] += 1
        self.within_five += row.rank <= 5
        self.fitting += row.right
        self.reliability.add(row.top[0][1], row.rank == 1)
        if row.answers is not None:
            self.with_answers += 1
            self.covered += row.truth in row.answers

    @property
    def top1(self) -> Interval | None:
        """Share of right answers with Wilson's 95 % interval; None where nothing was scored."""
        return self._share(sum(n for (truth, label), n in self.confusion.items() if truth == label))

    @property
    def top5(self) -> Interval | None:
        """Share with the true label among the five best; None where fewer than six labels make it empty."""
        return self._share(self.within_five) if len(self.labels) > 5 else None

    @property
    def coverage(self) -> Interval | None:
        """Share of images whose set holds the truth; None without sets."""
        return self._share(self.covered) if self.with_answers else None

    @property
    def at_depth(self) -> Interval | None:
        """Share of images whose node of the tree holds of the truth; None without a tree."""
        return self._share(self.fitting) if self.in_tree else None

    @property
    def per_class(self) -> dict[str, tuple[int, int]]:
        """(right, images) of each label that occurs, worst first."""
        right: Counter = Counter()
        total: Counter = Counter()
        for (truth, label), n in self.confusion.items():
            total[truth] += n
            right[truth] += n * (truth == label)
        return {c: (right[c], total[c]) for c in sorted(total, key=lambda c: (right[c] / total[c], -total[c], c))}

    @property
    def per_class_mean(self) -> float | None:
        """Accuracy of each class that occurs, averaged over classes."""
        shares = [right / total for right, total in self.per_class.values()]
        return sum(shares) / len(shares) if shares else None

    def mistaken_for(self, label: str) -> tuple[str, int] | None:
        """What images of ``label`` are most often called instead."""
        wrong = [(n, said) for (truth, said), n in self.confusion.items() if truth == label and said != label]
        n, said = max(wrong, key=lambda pair: (pair[0], pair[1]), default=(0, ""))
        return (said, n) if n else None

    def as_dict(self) -> dict:
        """What ``--json`` prints."""
        top1, top5 = self.top1, self.top5
        return {
            "scored": self.n,
            "top1": top1 and top1.value,
            "top1_interval": top1 and [top1.low, top1.high],
            "top5": top5 and top5.value,
            "top5_interval": top5 and [top5.low, top5.high],
            "per_class_mean": self.per_class_mean,
            "per_class": {c: {"right": right, "images": total} for c, (right, total) in self.per_class.items()},
            "not_a_label": dict(self.strangers),
            "calibration_error": self.reliability.error,
            "reliability": [
                dict(zip(("from", "to", "images", "confidence", "accuracy"), row, strict=True))
                for row in self.reliability.rows()
            ],
        } | {
            name: {"value": share.value, "interval": [share.low, share.high]}
            for name, share in (("coverage", self.coverage), ("right_at_depth", self.at_depth))
            if share is not None
        }

    def _share(self, hits: int) -> Interval | None:
        from zorse.evaluation import wilson_interval

        return wilson_interval(hits, self.n) if self.n else None


def _plain(name: str) -> str:
    return same_name(name.replace("-", " "))
