"""``zorse demo``: see it work, without a network or a photograph of one's own."""

from __future__ import annotations

from pathlib import Path

import typer

from zorse.cli.options import DEVICE, JSON, MODEL


def command(
    model: str = MODEL,
    report: Path = typer.Option(Path("zorse-demo.html"), "--report", help="Where to write the page."),
    device: str = DEVICE,
    as_json: bool = JSON,
) -> int:
    """See it work on a dozen photographs.

    They come with scikit-learn and scikit-image; nothing is downloaded.
    The labels were fixed before any model saw the photographs; wrong answers are shown as they are.
    """
    from zorse.cli.classify import run
    from zorse.jobs.demo import LABELS, NOTE, photographs
    from zorse.jobs.output import check_writable
    from zorse.jobs.report import Report

    check_writable(report, (".html", ".htm"))
    truth = {str(path): label for path, label in photographs().items()}
    return run(
        list(truth),
        list(LABELS),
        truth=truth,
        output=None,
        report=report,
        as_json=as_json,
        store=None,
        jobs=None,
        batch_size=32,
        page=Report("Zorse demo", NOTE),
        table=True,
        model=model,
        device=device,
    )
