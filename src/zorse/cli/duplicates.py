"""``zorse duplicates``: images of an index that show nearly the same."""

from __future__ import annotations

import json

import typer

from zorse.cli.options import INDEX, JSON


def command(
    index: str = INDEX,
    threshold: float = typer.Option(
        None,
        "--threshold",
        "-t",
        help="Cosine from which two images are candidates; 0.85, without pixels 0.98.",
    ),
    pixels: bool = typer.Option(
        True, "--pixels/--no-pixels", help="Let the pictures decide; without, their vectors alone do."
    ),
    where: str = typer.Option(None, "--where", help="SQL condition: only these images are compared."),
    as_json: bool = JSON,
) -> None:
    """Show groups of images that are copies of each other, or nearly."""
    from zorse.cli.terminal import Progress, counted, note, print_table
    from zorse.search.duplicates import duplicates
    from zorse.search.index import ImageIndex

    opened, progress = ImageIndex.open(index), Progress(unit="pictures")
    try:
        groups = duplicates(opened, threshold, where, pixels=pixels, progress=progress)
    finally:
        progress.clear()
    if as_json:
        told = [
            [{"path": m.path, "score": round(m.score, 6), "copy": m.copy, "bytes": m.bytes} for m in group]
            for group in groups
        ]
        typer.echo(json.dumps({"index": index, "groups": told}, indent=1, ensure_ascii=False))
        return
    rows = []
    for number, group in enumerate(groups, 1):
        for member in group:
            rows.append([number, "copy" if member.copy else f"{member.score:.3f}", member.path])
    if rows:
        print_table(["group", "likeness", "image"], rows, right=["group", "likeness"])
    note(f"{counted(len(groups), 'group')} of near-duplicates, {counted(sum(map(len, groups)), 'image')} in them")
