"""``zorse index``: images into an index that can be searched, and kept up to date."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict

import typer

from zorse.cli.options import BATCH_SIZE, DEVICE, INDEX, JOBS, JSON, MODEL, STORE


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
    as_json: bool = JSON,
) -> int:
    """Index images, or bring an index up to date with them.

    What is new or changed is embedded, what has gone is taken out. A run that breaks off goes on from there when the
    same command is given again.
    """
    from zorse.cli.terminal import Progress, counted, graceful, note
    from zorse.core.errors import InputError
    from zorse.search.build import build_index

    if not sources:
        raise InputError("say which images to index: zorse index SOURCE --index DIR")
    progress = Progress()
    with ExitStack() as stack:
        stack.callback(progress.clear)
        progress.say(f"loading {model} ...")
        stop = stack.enter_context(graceful())
        report = build_index(
            sources,
            index,
            model,
            store=store,
            batch_size=batch_size,
            jobs=jobs,
            device=device,
            progress=progress,
            stopped=lambda: stop.asked,
        )
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
