"""``zorse models``: what ``--model`` takes."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from zorse.cli.options import JSON


def command(as_json: bool = JSON) -> None:
    """List models that are known by name."""
    from zorse.cli.terminal import print_table
    from zorse.encoders import KNOWN_MODELS

    if as_json:
        typer.echo(json.dumps([asdict(model) for model in KNOWN_MODELS], indent=1))
        return
    rows = []
    for model in KNOWN_MODELS:
        use = model.use if model.texts else f"{model.use} (features only: cannot read labels)"
        rows.append([model.name, f"{model.parameters / 1e6:,.1f} M", model.licence, model.languages, use])
    print_table(["model", "parameters", "licence", "languages", "use"], rows, right=["parameters"])
    typer.echo(
        "Other dual encoders that transformers reads (CLIP, SigLIP, ALIGN, ...) work by hub id or local folder,\n"
        "and open_clip's as open_clip:ARCHITECTURE/WEIGHTS (pip install 'zorse[open-clip]')."
    )
