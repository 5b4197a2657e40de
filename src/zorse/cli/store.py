"""``zorse store``: what a folder of embeddings holds, and making room in it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import typer

from zorse.cli.options import JSON

app = typer.Typer(help="Look at kept embeddings, or remove them.", no_args_is_help=True)
_FOLDER = typer.Argument(..., metavar="FOLDER", help="What --store was given.")


@app.command()
def info(folder: Path = _FOLDER, as_json: bool = JSON) -> None:
    """Say what a store holds, by model."""
    from zorse.cli.terminal import counted, print_table

    with _opened(folder) as store:
        held = store.info()
    if as_json:
        encoders = [
            {"name": e.name, "fingerprint": e.fingerprint, "dim": e.dim, "rows": e.rows, "used": e.used}
            for e in held.encoders
        ]
        typer.echo(
            json.dumps({"path": str(held.path), "bytes": held.size, "rows": held.rows, "encoders": encoders}, indent=1)
        )
        return
    typer.echo(f"{held.path}: {counted(held.rows, 'embedding')}, {held.size / 1e6:.1f} MB")
    if held.encoders:
        rows = [
            [e.name, e.fingerprint[:12], e.dim, f"{e.rows:,}", f"{datetime.fromtimestamp(e.used):%Y-%m-%d %H:%M}"]
            for e in held.encoders
        ]
        print_table(
            ["model", "fingerprint", "numbers", "embeddings", "last written"], rows, right=["numbers", "embeddings"]
        )


@app.command()
def prune(
    folder: Path = _FOLDER,
    model: str = typer.Option(None, "--model", "-m", help="Name or beginning of the fingerprint, as info shows it."),
    unused_days: float = typer.Option(None, "--unused-days", min=0, help="Only models that wrote nothing for so long."),
) -> None:
    """Remove a model's embeddings and give the space back."""
    from zorse.cli.terminal import counted
    from zorse.core.errors import UnknownNameError

    with _opened(folder) as store:
        before = store.info()
        names = [e.name for e in before.encoders]
        known = model is None or any(model == e.name or e.fingerprint.startswith(model) for e in before.encoders)
        if not known:
            raise UnknownNameError("model in this store", model, names)
        removed = store.prune(encoder=model, unused_days=unused_days)
        freed = before.size - store.info().size
    typer.echo(f"{counted(removed, 'embedding')} removed, {max(0, freed) / 1e6:.1f} MB freed")


def _opened(folder: Path):
    from zorse.core.errors import InputError
    from zorse.encoders.store import EmbeddingStore

    # Opening makes a store where there is none; looking at one should not.
    if not folder.is_dir() or not any(folder.glob("embeddings.*")):
        raise InputError(f"{folder} holds no embedding store")
    return EmbeddingStore(folder)
