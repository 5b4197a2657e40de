"""What images were called: a row an image, the table of them, and a run counted as it goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zorse.core.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas
    import pyarrow

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
    """

    path: str
    label: str | None
    score: float | None
    top: tuple[tuple[str, float], ...] = ()
    error: str | None = None
    truth: str | None = None
    rank: int | None = None

    def as_dict(self, truth: bool = False) -> dict:
        """``path, label, score, top, error``, with ``truth`` if that was asked for; ready for JSON."""
        row = {
            "path": self.path,
            "label": self.label,
            "score": None if self.score is None else float(f"{self.score:.6g}"),
            "top": [[label, float(f"{p:.6g}")] for label, p in self.top],
            "error": self.error,
        }
        return row | {"truth": self.truth} if truth else row


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
    def _truth(self) -> bool:
        return self.summary.agreement is not None

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
        return [row.as_dict(self._truth) for row in self.rows]

    def to_arrow(self) -> pyarrow.Table:
        """A ``pyarrow.Table``; ``top`` is a list of structs (label, score)."""
        from zorse.jobs.output import arrow_table

        return arrow_table(list(self.rows), self._truth)

    def to_pandas(self) -> pandas.DataFrame:
        """A ``pandas.DataFrame``; needs pandas."""
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingDependencyError("pandas", "pandas", "to_pandas") from error
        columns = ["path", "label", "score", "top", "error"]
        if self._truth:
            columns.append("truth")
        return pd.DataFrame([[getattr(row, c) for c in columns] for row in self.rows], columns=columns)

    def write(self, path: str | Path) -> None:
        """Write ``.csv``, ``.jsonl`` or ``.parquet``; a crash leaves the old file or the new one."""
        from zorse.jobs.output import open_output

        with open_output(path, self._truth) as write:
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
    seconds: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    def add(self, row: Prediction) -> None:
        """Count one image."""
        self.images += 1
        if row.error is None:
            self.counts[row.label] += 1
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
        return {
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
