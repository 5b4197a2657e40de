"""``zorse memory``: build a searchable corpus of captions and images, and search it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import typer

from zorse.cli.options import BATCH_SIZE, DEVICE, JOBS, JSON, MODEL, STORE

app = typer.Typer(help="Build a corpus of captions that methods look things up in, or search it.", no_args_is_help=True)


@app.command()
def build(
    captions: Path = typer.Argument(..., metavar="CAPTIONS", help=".txt, .jsonl, .json, .parquet or folder of images."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder of the memory."),
    model: str = MODEL,
    store: Path = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Embed captions, and images where there are any, once.

    A run that breaks off goes on from there when the same command is given again.
    """
    from zorse.cli.terminal import Progress, counted, note
    from zorse.core.errors import InputError
    from zorse.jobs.memory import build_memory, read_captions

    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out names a folder")
    rows = read_captions(captions)
    progress = Progress(len(rows), "captions")
    began = time.perf_counter()
    try:
        memory = build_memory(
            rows, out, model, store=store, batch_size=batch_size, jobs=jobs, device=device, progress=progress
        )
    finally:
        progress.clear()
    seconds = time.perf_counter() - began
    told = {
        "rows": len(memory),
        "dim": memory.vectors.shape[1],
        "images": memory.image_vectors is not None,
        "labels": len(memory.rows_of),
        "model": memory.model,
        "seconds": round(seconds, 3),
        "output": str(out),
    }
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        note(f"{counted(len(memory), 'caption')} in {seconds:.1f} s -> {out}")


@app.command()
def search(
    folder: Path = typer.Argument(..., metavar="DIR", help="A folder that zorse memory build made."),
    query: str = typer.Argument(..., metavar="TEXT", help="A text, or the path of an image."),
    k: int = typer.Option(10, "--top-k", "-k", min=1, help="How many rows are shown."),
    model: str = typer.Option(None, "--model", "-m", help="The model that built it, where its name has changed."),
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Show the captions nearest to a text or an image."""
    from zorse.cli.terminal import print_table
    from zorse.core import open_image
    from zorse.encoders import load_encoder
    from zorse.semantics.memory import Memory

    memory = Memory.open(folder)
    encoder = load_encoder(model or memory.model, device=device)
    memory.check(encoder)
    image = Path(query)
    try:
        is_image = image.is_file()
    except OSError:  # a text too long for a path
        is_image = False
    vector = encoder.encode_images([open_image(image)]) if is_image else encoder.encode_text([query])  # type: ignore[attr-defined]
    index, similarity = memory.search(vector, k)
    rows = [
        {
            "row": int(i),
            "similarity": round(float(s), 6),
            "text": None if memory.texts is None else memory.texts[i],
            "label": None if memory.labels is None else memory.labels[i] or None,
        }
        for i, s in zip(index[0], similarity[0], strict=True)
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        print_table(
            ["similarity", "caption", "label"],
            [[f"{r['similarity']:.3f}", r["text"], r["label"]] for r in rows],
            right=["similarity"],
        )
