"""``zorse index``: images into an index that can be searched, and kept up to date."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from zorse.cli.options import ADDRESS, BATCH_SIZE, DEVICE, ENGINE, INDEX, JOBS, JSON, MODEL, STORE, WORKERS


def command(
    sources: list[str] = typer.Argument(
        None, metavar="[SOURCE]...", help="Images: files, folders, globs, .tar(.gz) shards, .parquet, or .txt lists."
    ),
    index: str = INDEX,
    model: str = MODEL,
    store: str = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    engine: str = ENGINE,
    address: str = ADDRESS,
    workers: int = WORKERS,
    check: bool = typer.Option(False, "--check", help="Read the whole index and say whether it is sound."),
    from_embeddings: Path = typer.Option(
        None, "--import", metavar="DIR", help="Embeddings that clip-retrieval wrote; --model made them."
    ),
    to_embeddings: Path = typer.Option(
        None, "--export", metavar="DIR", help="Write the index in clip-retrieval's layout."
    ),
    texts: bool = typer.Option(False, "--texts", help="With --export, embed the captions too."),
    as_json: bool = JSON,
) -> int:
    """Index images, or bring an index up to date with them.

    What is new or changed is embedded, what has gone is taken out. A run that breaks off goes on from there when the
    same command is given again.
    """
    from zorse.cli.terminal import Progress, counted, graceful, note
    from zorse.core.errors import InputError

    given = [bool(sources), check, from_embeddings is not None, to_embeddings is not None]
    if sum(given) != 1:
        raise InputError("give one of: images to index, --check, --import DIR, --export DIR")
    from zorse.scale.engine import streaming

    stream = streaming(engine, model, store, address, workers)
    if not sources and engine != "local":
        raise InputError(f"the engine {engine} embeds images; give images to index")
    if check:
        return _check(index, as_json)
    progress = Progress(unit="images")
    if to_embeddings is not None:
        from zorse.search.index import ImageIndex
        from zorse.search.move import export_embeddings

        opened = ImageIndex.open(index, device=device)
        try:
            rows = export_embeddings(opened, to_embeddings, texts=texts, progress=progress)
        finally:
            progress.clear()
        if as_json:
            typer.echo(json.dumps({"rows": rows, "output": str(to_embeddings)}, indent=1))
        else:
            note(f"{counted(rows, 'embedding')} -> {to_embeddings}")
        return 0
    with ExitStack() as stack:
        stack.callback(progress.clear)
        progress.say(f"loading {model} ...")
        stop = stack.enter_context(graceful())
        asked: dict[str, Any] = {"device": device, "progress": progress, "stopped": lambda: stop.asked}
        if from_embeddings is not None:
            from zorse.search.move import import_embeddings

            report = import_embeddings(from_embeddings, index, model, **asked)
        else:
            from zorse.search.build import build_index

            request: dict[str, Any] = {"batch_size": batch_size, "jobs": jobs, "stream_of": stream}
            report = build_index(sources, index, model, store=store, **request, **asked)
    if as_json:
        told = asdict(report)
        told["failed"] = [{"path": path, "error": error} for path, error in report.failed]
        typer.echo(json.dumps(told | {"index": index}, indent=1, ensure_ascii=True))
    else:
        parts = [f"{getattr(report, name):,} {name}" for name in ("added", "changed", "removed", "unchanged")]
        note(f"{counted(report.rows, 'image')} in {index}: {', '.join(parts)}, in {report.seconds:.1f} s")
    if report.stopped:
        note("interrupted; the same command goes on from there")
        return 130
    if report.failed:
        path, error = report.failed[0]
        note(f"{counted(len(report.failed), 'image')} could not be read, such as {path}: {error}")
    return 1 if report.failed else 0


def _check(index: str, as_json: bool) -> int:
    from zorse.cli.terminal import counted, note
    from zorse.search.check import check_index

    found = check_index(index)
    made = found.about
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"index": index}, indent=1))
    else:
        how = "every row is compared"
        if made.lists:
            share = ", ".join(f"{100 * recall:.1f} % by {kind}" for kind, recall in made.recall.items())
            how = f"{made.probes} of {made.lists:,} lists are looked into (of the ten nearest found: {share})"
        note(f"{counted(found.rows, 'image')}, model {made.model}, fingerprint {made.fingerprint[:16]}; {how}")
        if found.outside:
            note(f"{found.outside:,} rows are not in the lists yet")
        for paths, what in ((found.missing, "gone"), (found.stale, "changed")):
            if paths:
                have = "has" if len(paths) == 1 else "have"
                since = f"{counted(len(paths), 'image')} {have} {what} since, such as {paths[0]}"
                note(f"{since}; zorse index SOURCE brings it up")
        for problem in found.problems:
            note(f"wrong: {problem}; index the images again")
        if not (found.problems or found.missing or found.stale):
            note("sound")
    return 1 if found.problems or found.missing or found.stale else 0
