"""``zorse papers``: the literature that is implemented."""

from __future__ import annotations

import json

import typer

from zorse.cli.options import JSON


def command(
    query: list[str] = typer.Argument(None, metavar="[QUERY]", help="Part of a title, name, author, venue or year."),
    as_json: bool = JSON,
) -> None:
    """List papers, or those that match QUERY."""
    from zorse import catalogue
    from zorse.cli.terminal import note, print_table

    words = " ".join(query or [])
    found = catalogue.find(words)
    if as_json:
        typer.echo(json.dumps([entry.as_dict() for entry in found], indent=1, ensure_ascii=False))
        return
    if not found:
        note(f"no paper matches {words!r}; zorse papers lists all")
        raise typer.Exit(1)
    rows = []
    for entry in found:
        claim = entry.result.get("claim") or {}
        held = ("claim held" if claim["held"] else "claim did not hold") if claim else entry.state
        rows.append([entry.slug, f"{entry.paper.title} ({entry.paper.venue} {entry.paper.year})", entry.family, held])
    print_table(["method", "paper", "family", "state"], rows)
    if len(found) == 1:
        entry = found[0]
        typer.echo(f"{entry.summary}\n{entry.paper.authors}\n{entry.paper.url}")
        typer.echo(f"from {entry.target.__module__} import {entry.target.__name__}")
