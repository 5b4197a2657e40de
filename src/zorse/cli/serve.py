"""``zorse serve``: the jobs over HTTP, and a page for people."""

from __future__ import annotations

from pathlib import Path

import typer

from zorse.cli.options import BATCH_SIZE, DEVICE, MODEL


def command(
    model: str = MODEL,
    index: str = typer.Option(None, "--index", help="Folder that zorse index wrote with this model, for searches."),
    labels: Path = typer.Option(None, "--labels", "-l", help="File of labels for requests that bring none."),
    templates: str = typer.Option(None, "--templates", help="A built-in set (ensemble, ...) or a file; each holds {}."),
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen on; any but loopback needs a token."),
    port: int = typer.Option(8000, "--port", "-p", min=0, max=65535, help="Port; 0 is any that is free."),
    token: str = typer.Option(
        None, "--token", envvar="ZORSE_TOKEN", show_envvar=True, help="What requests must bring."
    ),
    allow_urls: bool = typer.Option(False, "--allow-urls", help="Fetch images from public addresses in requests."),
    queue: int = typer.Option(256, "--queue", help="Requests accepted at a time; the next gets 503."),
    deadline: float = typer.Option(30.0, "--deadline", help="Seconds a request may take."),
    max_upload: float = typer.Option(20, "--max-upload", metavar="MIB", help="Size of a request's body."),
    max_images: int = typer.Option(32, "--max-images", help="Images of a request."),
    max_labels: int = typer.Option(1000, "--max-labels", help="Labels of a request."),
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
) -> None:
    """Serve classify, embed and search over HTTP, with a page at /.

    Ctrl-C or SIGTERM stops it after what was accepted is answered. The log is one JSON object a line on stderr.
    """
    from zorse.cli.terminal import note
    from zorse.core.errors import InputError
    from zorse.service import Limits, serve

    if batch_size < 1:
        raise InputError(f"--batch-size is at least 1; got {batch_size}")
    limits = Limits(
        queue=queue, deadline=deadline, upload=int(max_upload * (1 << 20)), images=max_images, labels=max_labels
    )
    serve(
        model,
        index=index,
        labels=labels,
        templates=templates,
        allow_urls=allow_urls,
        host=host,
        port=port,
        token=token,
        limits=limits,
        batch_size=batch_size,
        device=device,
        ready=lambda address: note(f"serving {model} at {address} (Ctrl-C stops it)"),
    )
