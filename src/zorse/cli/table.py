"""``zorse table``: what a benchmark's log says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from zorse.cli.options import JSON


def command(
    log: Path = typer.Argument(..., metavar="LOG", help="What zorse bench wrote."),
    as_json: bool = JSON,
) -> None:
    """Show what zorse bench has measured.

    Figures are percent, means over seeds with their 95 % interval; everything comes from the log.
    """
    from zorse.benchmark.log import read_log

    show(read_log(log), as_json=as_json)


def show(lines: Sequence[dict], *, as_json: bool) -> None:
    """The table on stdout."""
    from zorse.benchmark.summary import FIGURES, cells_of, rows_of
    from zorse.cli.terminal import print_table

    rows = rows_of(lines)
    if as_json:
        typer.echo(json.dumps([row.as_dict() for row in rows], indent=1, ensure_ascii=False))
        return
    columns = ["task", "method", *FIGURES, "seconds", "notes"]
    print_table(columns, cells_of(rows), right=[*FIGURES, "seconds"])
