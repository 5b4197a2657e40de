"""``zorse embed``: image embeddings for use elsewhere."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from zorse.cli.options import ADDRESS, BATCH_SIZE, DEVICE, ENGINE, JOBS, JSON, MODEL, SOURCES, STORE, WORKERS


def command(
    sources: list[str] = SOURCES,
    out: Path = typer.Option(..., "--out", "-o", help="A file, .npz or .parquet; or a folder, written shard by shard."),
    model: str = MODEL,
    store: Path = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    engine: str = ENGINE,
    address: str = ADDRESS,
    workers: int = WORKERS,
    shard_rows: int = typer.Option(4096, "--shard-rows", help="For a folder: single images a shard."),
    as_json: bool = JSON,
) -> int:
    """Embed images as unit vectors.

    The file holds a path and a vector for every image; np.load or pyarrow reads it, without pickle.
    A folder holds the same in shards: a run that was killed goes on where it was, and no row is lost or doubled.
    """
    if out.suffix.lower() not in (".npz", ".parquet") and (engine != "local" or not out.suffix or out.is_dir()):
        return _by_shards(
            sources,
            out,
            as_json,
            store,
            model=model,
            engine=engine,
            address=address,
            workers=workers,
            shard_rows=shard_rows,
            batch_size=batch_size,
            jobs=jobs,
            device=device,
        )
    from zorse.cli.terminal import Progress, counted, graceful, note
    from zorse.core.errors import InputError
    from zorse.data.images import find_images
    from zorse.encoders import load_encoder
    from zorse.jobs.embed import embed_stream
    from zorse.jobs.embeddings import Embeddings
    from zorse.jobs.output import check_writable, set_aside

    if engine != "local" or address or workers:
        raise InputError(f"the engine {engine} writes a folder; give --out FOLDER, not {out.name}")
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


def _by_shards(sources: list[str], out: Path, as_json: bool, store: Path | None, **request: Any) -> int:
    """Into a folder, shard by shard."""
    from zorse.cli.terminal import Progress, counted, note
    from zorse.core.errors import InputError
    from zorse.scale import Finished, embed_shards

    if store is not None:
        raise InputError("a folder of shards goes on by itself; --store is for a file")
    progress, done = Progress(), 0

    def tell(shard: Finished) -> None:
        nonlocal done
        done += shard.rows + shard.failed
        progress(done)

    progress.say(f"loading {request['model']} ...")
    began = time.perf_counter()
    try:
        result = embed_shards(sources, out, progress=tell, **request)
    finally:
        progress.clear()
    seconds = time.perf_counter() - began
    told = asdict(result) | {"images": result.rows + result.failed, "now": done, "seconds": round(seconds, 3)}
    if as_json:
        typer.echo(json.dumps(told | {"output": str(out)}, indent=1))
    else:
        resumed = f" ({result.resumed:,} of {result.shards:,} shards were there)" if result.resumed else ""
        note(f"{counted(done, 'image')} in {seconds:.1f} s, {done / seconds:,.1f} a second -> {out}{resumed}")
    if result.failed:
        note(f"{result.failed:,} of {told['images']:,} images could not be read; {out / 'failed'} tells which")
    for name in result.lost:
        note(f"{name}: every worker that took this shard died; the same command tries it again")
    return 1 if result.failed or result.lost else 0
