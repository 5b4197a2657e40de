"""``zorse export``: a model as a folder that runs without torch."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from zorse.cli.options import JSON, MODEL


def command(
    model: str = MODEL,
    out: Path = typer.Option(..., "--out", "-o", help="Folder; new, empty, or an earlier export."),
    format: str = typer.Option("onnx", "--format", help="onnx."),
    precision: str = typer.Option("fp32", "--precision", help="fp32, or int8 (smaller, faster, nearly the same)."),
    labels: Path = typer.Option(
        None, "--labels", help="Also write classifier.onnx, images to scores of these labels: one a line, or JSON."
    ),
    templates: str = typer.Option(None, "--templates", help="Of the labels: a built-in set or a file; each holds {}."),
    check: list[str] = typer.Option(
        None, "--check", metavar="SOURCE", help="Photographs to compare on; else a dozen that come with scikit-image."
    ),
    accept_loss: bool = typer.Option(False, "--accept-loss", help="Keep an export that agrees less than it should."),
    as_json: bool = JSON,
) -> int:
    """Write a model as a folder that runs without torch.

    The folder is a model like any other: zorse classify --model DIR. It needs onnxruntime only.
    """
    from zorse.cli.terminal import Progress
    from zorse.core.errors import InputError
    from zorse.jobs.export import export
    from zorse.jobs.labels import from_file

    if format != "onnx":
        raise InputError(f"the format is onnx; got {format!r}")
    wanted = None
    if labels is not None:
        names, prompts = from_file(labels)
        wanted = prompts or names
    progress = Progress(None)
    try:
        record = export(
            model,
            out,
            precision=precision,
            labels=wanted,
            templates=templates,
            check=check or None,
            accept_loss=accept_loss,
            progress=progress.say,
        )
    finally:
        progress.clear()
    size = sum(path.stat().st_size for path in out.iterdir())
    if as_json:
        typer.echo(json.dumps(record | {"out": str(out), "bytes": size}, indent=1, ensure_ascii=False))
        return 0
    found = record["agreement"]
    typer.echo(f"{out}: {record['model']} as {precision}, {size / 1e6:.1f} MB")
    told = f"cosine with the model {found['cosine']:.5f} on average, {found['cosine_worst']:.5f} at worst"
    if found["labels"]:
        told += f"; the same of {found['labels']} labels for {found['same']:.1%}"
    typer.echo(f"{found['images']:,} photographs: {told}")
    for miss in record["misses"]:
        typer.echo(f"falls short: {miss}", err=True)
    return 0
