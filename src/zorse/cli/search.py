"""``zorse search``: images of an index by text, by image, and by both."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from zorse.cli.options import DEVICE, INDEX, JSON


def command(
    words: str = typer.Argument(None, metavar="[TEXT]", help="What is looked for, such as 'a red car at night'."),
    index: str = INDEX,
    image: str = typer.Option(None, "--image", help="A photograph: what it looks like."),
    text: str = typer.Option(None, "--text", help="TEXT as an option; beside --image, what is to be different."),
    without: list[str] = typer.Option(None, "--not", metavar="TEXT", help="What is not wanted; may be repeated."),
    where: str = typer.Option(None, "--where", help="SQL condition on path, folder, labels, caption, bytes, ..."),
    top_k: int = typer.Option(10, "--top-k", "-k", min=1, help="How many images are shown."),
    html: Path = typer.Option(None, "--html", help="Write a page with the pictures."),
    model: str = typer.Option(None, "--model", "-m", help="The model that made the index, where its name has changed."),
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Find images by a text, by an image, or by an image and what is to be different about it."""
    from zorse.cli.terminal import note, print_table
    from zorse.core.errors import InputError
    from zorse.jobs.output import check_writable
    from zorse.search.index import ImageIndex

    if words is not None and text is not None:
        raise InputError("give the text once, either by itself or with --text")
    if html is not None:
        check_writable(html, (".html", ".htm"))
    text = words if text is None else text
    opened = ImageIndex.open(index, encoder=model, device=device)
    hits = opened.search(text, image, without or None, where, top_k)
    if html is not None:
        from zorse.search.page import write_page

        write_page(html, hits, opened, text=text, image=image, without=without or (), where=where)
    if as_json:
        asked = {"text": text, "image": image, "not": list(without or ()), "where": where, "index": index}
        typer.echo(json.dumps(asked | {"hits": [hit.as_dict() for hit in hits]}, indent=1, ensure_ascii=False))
        return
    if not hits:
        note("nothing found" + (f" where {where}" if where else ""))
        return
    rows = [[f"{hit.score:.3f}", hit.path, ", ".join(hit.labels)] for hit in hits]
    print_table(["score", "image", "label"], rows, right=["score"])
    if html is not None:
        note(f"-> {html}")
