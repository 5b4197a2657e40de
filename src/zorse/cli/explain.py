"""``zorse explain``: where a fitted method looked in images."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from zorse.cli.options import DEVICE, JSON, MODEL, SOURCES


def command(
    method: Path = typer.Argument(..., help="Folder of a saved method that takes patches."),
    images: list[str] = SOURCES,
    report: Path = typer.Option(..., "--report", help="Page to write, .html: each image under its map."),
    model: str = MODEL,
    label: str = typer.Option(None, "--label", help="Explain this label; without it what each image is called."),
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Draw where a fitted method looked to name images."""
    from zorse.cli.terminal import Progress, counted, note
    from zorse.data.images import find_images
    from zorse.jobs.explain import explain

    progress = Progress(find_images(images).count())
    try:
        progress.start()
        told = explain(images, method, model, label=label, report=report, device=device, progress=progress)
    finally:
        progress.clear()
    failed = [row.prediction for row in told if row.prediction.error is not None]
    if as_json:
        rows = [row.prediction.as_dict() | {"explained": row.label} for row in told]
        typer.echo(json.dumps({"images": rows, "report": str(report)}, indent=1, ensure_ascii=False))
    else:
        note(f"{counted(len(told), 'image')} -> {report}")
    if failed:
        note(f"{len(failed)} of {len(told)} images could not be read, such as {failed[0].path}: {failed[0].error}")
        raise typer.Exit(1)
