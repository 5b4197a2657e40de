"""``zorse embed``: image embeddings for use elsewhere."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from pathlib import Path

import typer

from zorse.cli.options import BATCH_SIZE, DEVICE, JOBS, JSON, MODEL, SOURCES, STORE


def command(
    sources: list[str] = SOURCES,
    out: Path = typer.Option(..., "--out", "-o", help="Write paths and vectors to .npz or .parquet."),
    model: str = MODEL,
    store: Path = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    as_json: bool = JSON,
) -> int:
    """Embed images as unit vectors.

    The file holds a path and a vector for every image; np.load or pyarrow reads it, without pickle.
    """
    from zorse.cli.terminal import Progress, counted, graceful, note
    from zorse.data.images import find_images
    from zorse.encoders import load_encoder
    from zorse.jobs.embed import embed_stream
    from zorse.jobs.embeddings import Embeddings
    from zorse.jobs.output import check_writable, set_aside

    check_writable(out, (".npz", ".parquet"))
    images = find_images(sources)
    progress = Progress(images.count())
    with ExitStack() as stack:
        stack.callback(progress.clear)
        progress.say(f"loading {model} ...")
        next(iter(images))  # a folder without images is found before a model is loaded
        encoder = load_encoder(model, device=device)
        stream = embed_stream(images, encoder, store=store, batch_size=batch_size, jobs=jobs, progress=progress)
        stack.enter_context(closing(stream))
        stop = stack.enter_context(graceful())
        progress.start()
        began = time.perf_counter()
        embeddings = Embeddings.of(encoder, stop.until(stream))
        seconds = time.perf_counter() - began
    written = set_aside(out) if stop.asked else out
    embeddings.save(written)
    told = {
        "images": len(embeddings),
        "failed": len(embeddings.errors),
        "dim": embeddings.vectors.shape[1],
        "model": embeddings.model,
        "fingerprint": embeddings.fingerprint,
        "seconds": round(seconds, 3),
        "output": str(written),
    }
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        rate = len(embeddings) / seconds if seconds else 0.0
        note(f"{counted(len(embeddings), 'image')} in {seconds:.1f} s, {rate:,.1f} a second -> {written}")
    if stop.asked:
        note("interrupted" + ("; the same command goes on from there" if store else ""))
        return 130
    if embeddings.errors:
        first = embeddings.errors[0]
        note(f"{told['failed']:,} of {told['images']:,} images could not be read, such as {first.key}: {first.error}")
    return 1 if embeddings.errors else 0
