"""``zorse table``: what a benchmark's log says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from zorse.cli.options import JSON

BY = typer.Option(None, "--by", metavar="FIGURE", help="Rank by zsl, U, S, H, 'H calibrated' or AUSUC (the default).")


def command(
    log: Path = typer.Argument(..., metavar="LOG", help="What zorse bench wrote."),
    html: Path = typer.Option(None, "--html", help="Write a page with curves and ranks, .html."),
    by: str = BY,
    as_json: bool = JSON,
) -> None:
    """Show what zorse bench has measured.

    Figures are percent, means over seeds with their 95 % interval; everything comes from the log.
    Beside them stands what papers report, and in what their data or features differ.
    """
    from zorse.benchmark.log import read_log
    from zorse.benchmark.report import write_report
    from zorse.cli.terminal import note
    from zorse.core.errors import InputError
    from zorse.jobs.output import check_writable

    lines = read_log(log)
    if not lines:
        raise InputError(f"{log} holds no finished cell")
    if html is not None:
        check_writable(html, (".html", ".htm"))
    show(lines, by=by, as_json=as_json)
    if html is not None:
        size = write_report(html, lines, by)
        note(f"report: {html} ({size / 1e6:.1f} MB)")


def show(lines: Sequence[dict], *, by: str | None = None, as_json: bool) -> None:
    """The table on stdout."""
    from zorse.benchmark.exposure import exposure_notes
    from zorse.benchmark.summary import FIGURES, cells_of, figure_for, rows_of, verdicts
    from zorse.cli.terminal import print_table

    rows = rows_of(lines)
    figure = figure_for(rows, by)
    exposed = exposure_notes(lines)
    if as_json:
        told = [row.as_dict() | {"exposure": exposed.get(row.task)} for row in rows]
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    columns = ["task", "method", *FIGURES, "seconds", "notes"]
    cells = [[f"{task} *" if task in exposed else task, *rest] for task, *rest in cells_of(rows, figure)]
    print_table(columns, cells, right=[*FIGURES, "seconds"])
    for line in verdicts(rows, figure):
        typer.echo(line)
    for task, why in exposed.items():
        typer.echo(f"* {task}: {why}")
