"""``zorse reproduce``: run the claims of papers."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from zorse.cli.options import JSON


def command(
    papers: list[str] = typer.Argument(None, metavar="[PAPER]...", help="Methods as zorse papers lists them."),
    every: bool = typer.Option(False, "--all", help="Every claim there is."),
    again: bool = typer.Option(False, "--again", help="Run cells anew that are finished already."),
    folder: Path = typer.Option(None, "--folder", help="Where results are kept; without it, in the package."),
    as_json: bool = JSON,
) -> None:
    """Run the claims of papers.

    Each method meets its own baseline on named data over several seeds; a claim that does not hold is shown as such.
    """
    from zorse.benchmark.exposure import exposure_hint
    from zorse.benchmark.reproduce import RESULTS, claim_names, reproduce, table
    from zorse.cli.terminal import note, print_table
    from zorse.core.errors import InputError, UnknownNameError

    known = claim_names()
    if every == bool(papers):
        raise InputError(f"name papers or give --all; claims exist for: {', '.join(known)}")
    names = known if every else papers
    for name in names:
        if name not in known:
            raise UnknownNameError("claim", name, known)
    where = folder or RESULTS
    results = [reproduce(name, folder=where, again=again, progress=note) for name in names]
    if as_json:
        typer.echo(json.dumps(results, indent=1))
        return
    rows = table(results)
    if rows:
        print_table(list(rows[0]), [list(row.values()) for row in rows], right=["ours", "difference"])
    if hint := exposure_hint(row["task"] for row in rows):
        typer.echo(f"note: {hint}")
    for result in results:
        if result["claim"].get("note"):
            typer.echo(f"{result['slug']}: {result['claim']['note']}")
