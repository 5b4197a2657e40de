"""What papers and their authors' repositories report, to stand beside what is measured here."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from zorse.benchmark.recipe import load_recipe


@dataclass(frozen=True)
class Reported:
    """One figure as somebody else has printed it.

    Attributes
    ----------
    method : str
        Slug.
    dataset, split, backbone, semantics : str
    metric : str
        zsl, U, S or H.
    value : float
        Percent.
    reported_by, source : str
        Who measured it, and the address where the figure was read.
    """

    method: str
    dataset: str
    split: str
    backbone: str
    semantics: str
    metric: str
    value: float
    reported_by: str
    source: str


@cache
def reported_figures() -> tuple[Reported, ...]:
    """Every figure of ``reported.csv``, in its order."""
    text = (files("zorse.benchmark") / "reported.csv").read_text()
    rows = csv.DictReader(text.splitlines())
    return tuple(Reported(**{**row, "value": float(row["value"])}) for row in rows)  # type: ignore[arg-type]


def beside(task: str, method: str, metric: str, split: str) -> tuple[Reported, str] | None:
    """The figure to set beside ours, and how its circumstances differ (empty if they don't, as far as is known).

    The first of several in the file counts; a recipe may name the data set that its task stands for.
    """
    section = load_recipe(task).reported
    dataset = section.get("dataset", Path(task).stem)
    for figure in reported_figures():
        if (figure.method, figure.dataset.lower(), figure.metric) == (method, dataset.lower(), metric):
            drawn = "" if split == "fixed" else "splits redrawn here"
            return figure, "; ".join(filter(None, [section.get("differs", ""), drawn]))
    return None
