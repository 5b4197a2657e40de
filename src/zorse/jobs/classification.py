"""What images were called: a row an image, the table of them, and a run counted as it goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zorse.core.errors import MissingDependencyError
from zorse.jobs.output import PAIRS

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from zorse.jobs.confidence import Calibration
    from zorse.jobs.truth import Agreement


@dataclass(frozen=True)
class Prediction:
    """What one image was called.

    Attributes
    ----------
    path : str
        The image, as the source calls it.
    label : str or None
        The likeliest label, ``"unknown"`` below the threshold; None if the image could not be read.
    score : float or None
        Probability of the likeliest label, in [0, 1].
    top : tuple of (str, float)
        The likeliest labels, best first.
    error : str or None
        Why the image could not be read.
    truth : str or None
        What the image is, where that was asked for.
    rank : int or None
        Place of the true label among all labels, from 1; None if the truth is no label.
    answers : tuple of str or None
        Every label of a conformal set, or every label that the image shows, where that was asked for.
    known : float or None
        Confidence that the image shows one of the labels at all (MCM, GL-MCM).
    groups : tuple of (str, float) or None
        The user's groups with the probability of each, best first.
    branch : tuple of (str, float) or None
        The way down the label tree to the likeliest label, with the probability of each node.
    because : tuple of (str, float) or None
        What carried the answer, with how far each puts it ahead of the next label: its prompts by cosine, or the
        crops, texts or other images that the method went by, in the method's measure.
    crops : tuple of (left, top, right, bottom), or of None
        For each of ``because`` its box, as shares of the image's width and height; None for what is no crop.
    fits : bool or None
        Whether the node of the tree that was answered is, or is above, the truth.
    """

    path: str
    label: str | None
    score: float | None
    top: tuple[tuple[str, float], ...] = ()
    error: str | None = None
    truth: str | None = None
    rank: int | None = None
    answers: tuple[str, ...] | None = None
    known: float | None = None
    groups: tuple[tuple[str, float], ...] | None = None
    branch: tuple[tuple[str, float], ...] | None = None
    because: tuple[tuple[str, float], ...] | None = None
    crops: tuple[tuple[float, float, float, float] | None, ...] = ()
    fits: bool | None = None

    @property
    def right(self) -> bool:
        """Whether the answer holds of the truth."""
        return self.label == self.truth if self.fits is None else self.fits

    def as_dict(self, more: Sequence[str] = ()) -> dict:
        """``path, label, score, top, error`` and those of :data:`FURTHER` that are asked for; ready for JSON."""
        row = {
            "path": self.path,
            "label": self.label,
            "score": _figure(self.score),
            "top": _figures(self.top),
            "error": self.error,
        }
        for name in more:
            value = getattr(self, name)
            row[name] = _figures(value) if name in PAIRS else _figure(value) if name == "known" else value
            if name == "answers" and value is not None:
                row[name] = list(value)
        return row


#: What is said of several labels an image without a labelled sample.
FIRST_LOOK = (
    "a first look: their probabilities are the model's own, and no labelled sample says how often they hold "
    "(--calibrate SAMPLE)"
)

#: Begins what ``because`` says of a method that goes by more than the prompts of a class, and can't tell by what.
OWN_PROMPT = "own prompt, not what decided: "

#: Columns of a row beyond the five, in their order, where they were asked for.
FURTHER = ("answers", "known", "groups", "branch", "because", "truth")


def _figure(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _figures(pairs: tuple[tuple[str, float], ...] | None) -> list | None:
    return None if pairs is None else [[name, _figure(p)] for name, p in pairs]


@dataclass(frozen=True)
class Classification(Sequence):
    """One row an image, in the order of the source.

    Attributes
    ----------
    rows : tuple of Prediction
    summary : Summary
        Counts, time and, where the truth was asked for, agreement with it.
    """

    rows: tuple[Prediction, ...]
    summary: Summary

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at):
        return self.rows[at]

    @property
    def _more(self) -> tuple[str, ...]:
        return self.summary.columns

    @property
    def labels(self) -> list[str | None]:
        """The answer for each image."""
        return [row.label for row in self.rows]

    @property
    def failed(self) -> list[Prediction]:
        """The images that could not be read."""
        return [row for row in self.rows if row.error is not None]

    def to_dicts(self) -> list[dict]:
        """A list of ``{path, label, score, top, error}``."""
        return [row.as_dict(self._more) for row in self.rows]

    def to_arrow(self) -> pyarrow.Table:
        """A ``pyarrow.Table``; ``top`` is a list of structs (label, score)."""
        from zorse.jobs.output import arrow_table

        return arrow_table(list(self.rows), self._more)

    def to_pandas(self) -> pandas.DataFrame:
        """A ``pandas.DataFrame``; needs pandas."""
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingDependencyError("pandas", "pandas", "to_pandas") from error
        columns = ["path", "label", "score", "top", "error"]
        columns += self._more
        return pd.DataFrame([[getattr(row, c) for c in columns] for row in self.rows], columns=columns)

    def write(self, path: str | Path) -> None:
        """Write ``.csv``, ``.jsonl`` or ``.parquet``; a crash leaves the old file or the new one."""
        from zorse.jobs.output import open_output

        with open_output(path, self._more) as write:
            for row in self.rows:
                write(row)


@dataclass
class Summary:
    """A run counted as it goes; its size does not depend on the number of images.

    Attributes
    ----------
    labels : tuple of str
    model, method : str
    independent : bool
        Each score is a probability of its own (SigLIP); they do not add up to 1.
    images, failed : int
        Images met, and how many of them could not be read.
    first_failed : Prediction or None
        The first that could not.
    counts : Counter of str
        Images of each answer.
    agreement : Agreement or None
        With the truth, where that was asked for.
    columns : tuple of str
        What rows hold beyond the five columns that they always have; of :data:`FURTHER`.
    calibration : Calibration or None
    answered : Counter of int
        Images by how many labels their set or list of labels holds.
    in_sample : int
        Images of the run that are also in the labelled sample.
    nearest : int or None
        Labels that the scores of an image are shares among, where those are not all.
    seconds : float
        From the first image to the last; loading the model is not in it.
    """

    labels: tuple[str, ...]
    model: str
    method: str
    independent: bool = False
    images: int = 0
    failed: int = 0
    first_failed: Prediction | None = None
    counts: Counter = field(default_factory=Counter)
    agreement: Agreement | None = None
    columns: tuple[str, ...] = ()
    calibration: Calibration | None = None
    answered: Counter = field(default_factory=Counter)
    in_sample: int = 0
    nearest: int | None = None
    seconds: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    def add(self, row: Prediction) -> None:
        """Count one image."""
        self.images += 1
        if row.error is None:
            self.counts[row.label] += 1
            if row.answers is not None:
                self.answered[len(row.answers)] += 1
        else:
            self.failed += 1
            self.first_failed = self.first_failed or row
        if self.agreement is not None:
            self.agreement.add(row)
        self.seconds = time.perf_counter() - self.began

    @property
    def images_per_second(self) -> float:
        """Images over seconds."""
        return self.images / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict:
        """What ``--json`` prints."""
        told = {
            "images": self.images,
            "failed": self.failed,
            "labels": len(self.labels),
            "model": self.model,
            "method": self.method,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 2),
            "counts": dict(self.counts.most_common()),
            "truth": None if self.agreement is None else self.agreement.as_dict(),
        }
        if self.calibration is not None:
            told["calibration"] = self.calibration.as_dict() | {"images_of_it_in_the_run": self.in_sample}
        if self.answered:
            told["answers_per_image"] = {str(size): n for size, n in sorted(self.answered.items())}
        return told
