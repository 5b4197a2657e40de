"""Figures of a benchmark, from its log alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zorse import catalogue
from zorse.evaluation import Interval, t_interval

# What a table shows, in its order; "H calibrated" is calibrated stacking on top.
FIGURES = ("zsl", "U", "S", "H", "H calibrated", "AUSUC")


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
    def ran(self) -> list[dict]:
        """Lines with figures."""
        return [line for line in self.lines if line["status"] == "ok"]

    @property
    def transductive(self) -> bool:
        """Whether the method was given the unseen test samples without labels."""
        return bool(self.lines[0]["transductive"])

    @property
    def settings(self) -> str:
        """What the recipe fixes, in short."""
        return _told(self.lines[0]["params"]["params"])

    @property
    def why(self) -> str:
        """Why there are no figures, or not of every seed."""
        reasons = dict.fromkeys(line["why"] for line in self.lines if line["status"] != "ok")
        return "; ".join(reasons)

    def values(self, figure: str) -> list[float]:
        """A figure of every seed that has it."""
        found = [value_of(line, figure) for line in self.ran]
        return [value for value in found if value is not None]

    def interval(self, figure: str) -> Interval | None:
        """Mean over seeds with Student's interval; None without a value."""
        values = self.values(figure)
        return t_interval(values) if values else None

    def as_dict(self) -> dict:
        """The row as ``zorse table --json`` prints it; shares, not percent."""
        figures = {}
        for figure in FIGURES:
            interval = self.interval(figure)
            bounded = interval and [round(max(interval.low, 0.0), 5), round(min(interval.high, 1.0), 5)]
            figures[figure] = interval and {"mean": round(interval.value, 5), "interval": bounded}
        return {
            "task": self.task,
            "method": self.method,
            "family": self.family,
            "seeds": [line["seed"] for line in self.ran],
            "transductive": self.transductive,
            "settings": self.lines[0]["params"]["params"],
            "figures": figures,
            "seconds": round(self.seconds(), 3),
            "status": "ok" if self.ran else self.lines[0]["status"],
            "why": self.why,
        }

    def seconds(self) -> float:
        """Mean over seeds of choosing, fitting and scoring."""
        spent = [sum(line["seconds"].values()) for line in self.ran]
        return sum(spent) / len(spent) if spent else 0.0


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


def cells_of(rows: Sequence[Row]) -> list[list[str]]:
    """The rows as text: task, method, figures in percent, seconds, notes."""
    told = []
    for row in sorted(rows, key=lambda row: (row.task, not row.ran, -_mean(row, "AUSUC"))):
        figures = [_text(row.interval(figure)) for figure in FIGURES]
        notes = [*(["transductive"] if row.transductive else []), row.settings]
        if not row.ran:
            notes = [f"{row.lines[0]['status']}: {row.why}"]
        elif row.why:
            notes.append(f"{len(row.ran)} of {len(row.lines)} seeds: {row.why}")
        seconds = f"{row.seconds():.1f}" if row.ran else ""
        told.append([row.task, row.method, *figures, seconds, "; ".join(filter(None, notes))])
    return told


def _mean(row: Row, figure: str) -> float:
    interval = row.interval(figure)
    return interval.value if interval else -1.0


def _text(interval: Interval | None) -> str:
    if interval is None:
        return ""
    half = (interval.high - interval.low) / 2
    return f"{100 * interval.value:.1f}" + (f" ±{100 * half:.1f}" if half < 1 else "")


def _told(params: dict) -> str:
    return ", ".join(f"{k}={_told_value(v)}" for k, v in params.items())


def _told_value(value) -> str:
    if isinstance(value, dict) and "method" in value:
        inner = _told({k: v for k, v in value.items() if k != "method"})
        return f"{value['method']}({inner})"
    return f"{value:g}" if isinstance(value, float) else str(value)
