"""``zorse duplicates``: images of an index that show nearly the same."""

from __future__ import annotations

import json

import typer

from zorse.cli.options import INDEX, JSON


def command(
    index: str = INDEX,
    threshold: float = typer.Option(
        None, "--threshold", "-t", help="Cosine from which two images are near-duplicates; by default 0.98."
    ),
    where: str = typer.Option(None, "--where", help="SQL condition: only these images are compared."),
    as_json: bool = JSON,
) -> None:
    """Show groups of images that are copies of each other, or nearly."""
    from zorse.cli.terminal import counted, note, print_table
    from zorse.search.duplicates import THRESHOLD, duplicates
    from zorse.search.index import ImageIndex

    threshold = THRESHOLD if threshold is None else threshold
    groups = duplicates(ImageIndex.open(index), threshold, where)
    if as_json:
        told = [
            [{"path": m.path, "score": round(m.score, 6), "copy": m.copy, "bytes": m.bytes} for m in group]
            for group in groups
        ]
        typer.echo(json.dumps({"index": index, "threshold": threshold, "groups": told}, indent=1, ensure_ascii=False))
        return
    rows = []
    for number, group in enumerate(groups, 1):
        for member in group:
            rows.append([number, "copy" if member.copy else f"{member.score:.3f}", member.path])
    if rows:
        print_table(["group", "likeness", "image"], rows, right=["group", "likeness"])
    note(f"{counted(len(groups), 'group')} of near-duplicates, {counted(sum(map(len, groups)), 'image')} in them")
