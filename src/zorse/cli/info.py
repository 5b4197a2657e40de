"""``zorse info``: what a saved model is."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from zorse.cli.options import JSON


def command(
    model: Path = typer.Argument(..., help="Folder that zorse fit or zorse.core.save wrote."),
    as_json: bool = JSON,
) -> None:
    """Tell what a saved model is, how it was made, and which classes it knows."""
    from zorse.jobs.model import describe

    found = describe(model)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    changed = ", ".join(f"{name}={found['parameters'][name]}" for name in found["changed"])
    labels = ", ".join(found["labels"][:8]) + (", ..." if len(found["labels"]) > 8 else "")
    lines = {
        "method": f"{found['method']} ({found['module']})",
        "paper": found["paper"],
        "parameters": f"{changed or 'none'} (the rest are defaults)",
        "classes": f"{found['candidates']}, {found['seen']} of them seen in training: {labels}",
        "features": f"{found['features']} a sample, {found['semantics']} a class vector",
        "size": f"{found['bytes'] / 1e6:.1f} MB",
    }
    if found["losses"]:
        losses = ", ".join(f"{name} {loss:g}" for name, loss in found["losses"].items())
        lines["training"] = f"{found['epochs']} epochs; at the end {losses}"
    if record := found["fit"]:
        what = f"{record['task']}, {record['samples']:,} samples, seed {record['seed']}"
        what = f"{record['task']}, {record['samples']:,} samples, seed {record['seed']}"
        lines["fit"] = f"on {what}, in {record['seconds']:.1f} s, {record['when']}"
        told = "  ".join(f"{name} {value:.3f}" for name, value in record["figures"].items() if value is not None)
        lines["figures"] = told
    for name, told in lines.items():
        typer.echo(f"{name:<10}  {told}")
