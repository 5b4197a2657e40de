"""Figures of a benchmark, from its log alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from zorse import catalogue
from zorse.benchmark.reported import Reported, beside
from zorse.core import InputError
from zorse.evaluation import Interval, Ranking, class_difference, rank_methods, t_interval

# What a table shows, in its order; "H calibrated" is calibrated stacking on top.
FIGURES = ("zsl", "U", "S", "H", "H calibrated", "AUSUC")
# The classes whose accuracies make up a figure.
PARTS = {"zsl": ("zsl",), "U": ("unseen",), "S": ("seen",), "H": ("unseen", "seen")}


@dataclass(frozen=True)
class Row:
    """One method on one task, over seeds.

    Attributes
    ----------
    task, method, family : str
    lines : list of dict
        The log's, by seed.
    """

    task: str
    method: str
    family: str
    lines: list[dict]

    @property
    def name(self) -> str:
        """What the paper calls it, for people; the slug of a method that is not in the catalogue."""
        return _names().get(self.method, self.method.rpartition(":")[2])

    @property
    def ran(self) -> list[dict]:
        """Lines with figures."""
        return [line for line in self.lines if line["status"] == "ok"]

    @property
    def transductive(self) -> bool:
        """Whether the method was given the unseen test samples without labels."""
        return bool(self.lines[0]["transductive"])

    @property
    def split(self) -> str:
        """What the seeds do."""
        return self.lines[0]["params"]["split"]

    @property
    def settings(self) -> str:
        """What the recipe fixes, in short."""
        params = self.lines[0]["params"]
        return "; ".join(filter(None, [told(params["params"]), params["note"]]))

    @property
    def chosen(self) -> str:
        """What was chosen by cross-validation, for each seed where they differ."""
        found = [told(line["chosen"]) for line in self.ran]
        return " | ".join(dict.fromkeys(found)) if any(found) else ""

    @property
    def why(self) -> str:
        """Why there are no figures, or not of every seed."""
        return "; ".join(dict.fromkeys(line["why"] for line in self.lines if line["status"] != "ok"))

    @property
    def seconds(self) -> float:
        """CPU seconds of choosing, fitting, scoring and calibrating, mean over seeds."""
        return float(np.mean([sum(line["seconds"].values()) for line in self.ran])) if self.ran else 0.0

    @property
    def memory(self) -> float | None:
        """Largest growth of resident memory in MB, over seeds."""
        found = [line["memory_mb"] for line in self.ran if line["memory_mb"] is not None]
        return max(found, default=None)

    def by_seed(self, figure: str) -> dict[int, float]:
        """A figure of every seed that has it."""
        found = {line["seed"]: value_of(line, figure) for line in self.ran}
        return {seed: value for seed, value in found.items() if value is not None}

    def interval(self, figure: str) -> Interval | None:
        """Mean over seeds with Student's interval; None without a value."""
        values = list(self.by_seed(figure).values())
        return t_interval(values) if values else None

    def mean(self, figure: str) -> float:
        """Mean over seeds; -inf without a value, so that such rows come last."""
        interval = self.interval(figure)
        return interval.value if interval else -np.inf

    def reported(self, figure: str) -> tuple[Reported, str] | None:
        """What a paper says, and how its circumstances differ."""
        return beside(self.task, self.method, figure, self.split)

    def as_dict(self) -> dict:
        """The row as ``zorse table --json`` prints it; shares, not percent."""
        figures: dict[str, dict | None] = {}
        for figure in FIGURES:
            interval, reported = self.interval(figure), self.reported(figure)
            figures[figure] = interval and {
                "mean": round(interval.value, 5),
                "interval": None if np.isinf(interval.high) else [round(interval.low, 5), round(interval.high, 5)],
                "reported": reported and {"value": reported[0].value / 100, "differs": reported[1]},
            }
        return {
            "task": self.task,
            "method": self.method,
            "family": self.family,
            "seeds": [line["seed"] for line in self.ran],
            "split": self.split,
            "transductive": self.transductive,
            "settings": self.lines[0]["params"]["params"],
            "chosen": [line["chosen"] for line in self.ran],
            "figures": figures,
            "seconds": round(self.seconds, 3),
            "memory_mb": self.memory,
            "status": "ok" if self.ran else self.lines[0]["status"],
            "why": self.why,
        }


class Behind(NamedTuple):
    """How far a method is from the best one on a task.

    Attributes
    ----------
    row : Row
    difference : Interval
        Mean over the seeds both have; the interval is as if other classes had been drawn, or, for figures that are no
        mean over classes, Student's over seeds.
    over_classes : bool
        Which of the two.
    """

    row: Row
    difference: Interval
    over_classes: bool


class Ranked(NamedTuple):
    """Methods ranked over blocks.

    Attributes
    ----------
    methods : list of str
    blocks : list of str
        Tasks, or splits of them where seeds redraw them.
    left_out : list of str
        Methods that lack a block.
    ranking : Ranking
    """

    methods: list[str]
    blocks: list[str]
    left_out: list[str]
    ranking: Ranking


def value_of(line: dict, figure: str) -> float | None:
    """One figure of one line."""
    if figure == "H calibrated":
        return line["calibrated"] and line["calibrated"]["H"]
    return line["figures"].get(figure)


def rows_of(lines: Iterable[dict]) -> list[Row]:
    """The rows of a table, tasks and methods as they come first in the log.

    Where a method was run on a task in several ways (another recipe, another version), the last one counts.
    """
    families = {entry.slug: entry.family for entry in catalogue.entries()}
    groups: dict[tuple[str, str], list[dict]] = {}
    for line in lines:
        groups.setdefault((line["task"], line["method"]), []).append(line)
    rows = []
    for (task, method), of_both in groups.items():
        last = of_both[-1]["params"]
        by_seed = {line["seed"]: line for line in of_both if line["params"] == last}
        rows.append(Row(task, method, families.get(method, ""), [by_seed[seed] for seed in sorted(by_seed)]))
    return rows


def tasks_of(rows: Sequence[Row]) -> list[str]:
    """Names of tasks, as they come."""
    return list(dict.fromkeys(row.task for row in rows))


def figure_for(rows: Sequence[Row], wanted: str | None = None) -> str:
    """The figure to rank by: ``wanted``, else AUSUC, else the zero-shot accuracy where no seen class is tested.

    Raises
    ------
    InputError
        If ``wanted`` is no figure.
    """
    if wanted is not None:
        known = {figure.lower(): figure for figure in FIGURES}
        if wanted.lower() not in known:
            raise InputError(f"rank by one of {', '.join(FIGURES)}; got {wanted!r}")
        return known[wanted.lower()]
    return "AUSUC" if any(row.by_seed("AUSUC") for row in rows) else "zsl"


def behind_the_best(rows: Sequence[Row], figure: str) -> list[Behind]:
    """Every method of one task against the best one, best first; the best itself is left out."""
    ordered = sorted((row for row in rows if row.by_seed(figure)), key=lambda row: -row.mean(figure))
    found = []
    for row in ordered[1:]:
        best = ordered[0]
        ours, theirs = row.by_seed(figure), best.by_seed(figure)
        shared = sorted(set(ours) & set(theirs))
        if not shared:
            continue
        if figure in PARTS:
            difference = class_difference(_parts(row, shared, figure), _parts(best, shared, figure))
            found.append(Behind(row, difference, True))
        else:
            found.append(Behind(row, t_interval([ours[seed] - theirs[seed] for seed in shared]), False))
    return found


def verdicts(rows: Sequence[Row], figure: str) -> list[str]:
    """For each task a line: the best method, and which ones it is not told apart from."""
    found = []
    for task in tasks_of(rows):
        own = [row for row in rows if row.task == task and row.by_seed(figure)]
        others = behind_the_best(own, figure)
        if not others:
            continue
        best = max(own, key=lambda row: row.mean(figure))
        alike = [other.row.method for other in others if other.difference.high >= 0]
        over = "as if other classes had been drawn" if others[0].over_classes else "over seeds"
        told = f"{task}: {best.method} has the best {figure}, {100 * best.mean(figure):.1f}"
        listed = ", ".join(alike[:6]) + (f" and {len(alike) - 6} more" if len(alike) > 6 else "")
        told += f"; not told apart from it ({over}): {listed}" if alike else f"; all others are behind ({over})"
        found.append(told)
    return found


def ranked(rows: Sequence[Row], figure: str) -> Ranked | None:
    """Methods ranked over all tasks, or None if fewer than two have a figure on all.

    A block is a task, or a task with one of its splits where seeds redraw them; seeds that only seed the method are
    averaged. A method that lacks any block is left out.
    """
    values: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        for seed, value in row.by_seed(figure).items():
            block = f"{row.task}, split {seed}" if row.split == "redrawn" else row.task
            values.setdefault(row.method, {}).setdefault(block, []).append(value)
    blocks = list(dict.fromkeys(block for of_method in values.values() for block in of_method))
    complete = [method for method, of_method in values.items() if set(of_method) == set(blocks)]
    if len(complete) < 2:
        return None
    matrix = np.array([[np.mean(values[method][block]) for method in complete] for block in blocks])
    left_out = [method for method in values if method not in complete]
    return Ranked(complete, blocks, left_out, rank_methods(matrix))


def cells_of(rows: Sequence[Row], figure: str) -> list[list[str]]:
    """The rows as text, best first within a task: task, method, figures in percent, seconds, notes."""
    found = []
    tasks = tasks_of(rows)
    for row in sorted(rows, key=lambda row: (tasks.index(row.task), -row.mean(figure))):
        figures = [_text(row.interval(name)) for name in FIGURES]
        notes = [*(["transductive"] if row.transductive else []), row.settings]
        if not row.ran:
            notes = [f"{row.lines[0]['status']}: {row.why}"]
        elif row.why:
            notes.append(f"{len(row.ran)} of {len(row.lines)} seeds: {row.why}")
        notes += reported_notes(row)
        seconds = f"{row.seconds:.1f}" if row.ran else ""
        found.append([row.task, row.method, *figures, seconds, "; ".join(filter(None, notes))])
    return found


def reported_notes(row: Row) -> list[str]:
    """What papers report for the figures of a row, in one phrase."""
    found = {figure: row.reported(figure) for figure in FIGURES} if row.ran else {}
    known = {figure: item for figure, item in found.items() if item}
    if not known:
        return []
    first, differs = next(iter(known.values()))
    figures = ", ".join(f"{figure} {item[0].value:g}" for figure, item in known.items())
    return [f"{first.reported_by} on {first.dataset}: {figures}{f' (not the same: {differs})' if differs else ''}"]


@cache
def _names() -> dict[str, str]:
    return {entry.slug: entry.paper.aka[0] for entry in catalogue.entries()}


def told(params: dict) -> str:
    """Parameters in short: ``epochs=20, estimator=eszsl(negative=0)``."""
    return ", ".join(f"{k}={_told_value(v)}" for k, v in params.items())


def _told_value(value) -> str:
    if isinstance(value, dict) and "method" in value:
        return f"{value['method']}({told({k: v for k, v in value.items() if k != 'method'})})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _parts(row: Row, seeds: Sequence[int], figure: str) -> list[dict]:
    lines = {line["seed"]: line["by_class"] for line in row.ran}
    return [{part: lines[seed][part] for part in PARTS[figure]} for seed in seeds]


def _text(interval: Interval | None) -> str:
    if interval is None:
        return ""
    half = (interval.high - interval.low) / 2
    return f"{100 * interval.value:.1f}" + (f" ±{100 * half:.1f}" if half < 1 else "")
