"""``zorse advise``: which method to take, judged without a label."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from zorse.cli.options import BATCH_SIZE, DEVICE, JOBS, JSON, SOURCES, STORE


def command(
    sources: list[str] = SOURCES,
    labels: str = typer.Option(None, "--labels", "-l", help='Names to choose from: "cat, dog, polar bear".'),
    labels_file: Path = typer.Option(None, "--labels-file", help="One a line, or a JSON list."),
    model: str = typer.Option("mini", "--model", "-m", help="Built-in model, hub id or folder."),
    methods: str = typer.Option(None, "--methods", help='Try these only: "clip, autoclip, zlap".'),
    templates: str = typer.Option(None, "--templates", "-t", help="As of zorse classify, for all methods."),
    descriptions: Path = typer.Option(None, "--descriptions", help="As of zorse classify, for methods that read it."),
    by: str = typer.Option(None, "--by", help="Criterion to rank by."),
    truth: str = typer.Option(None, "--truth", help='"folder": show how the ranking would have scored.'),
    store: Path = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    as_json: bool = JSON,
) -> int:
    """Try the methods that need no label, and rank them by how their answers hang together.

    A ranking without labels is a hint, not a measurement: with twenty labelled images an accuracy tells more.
    """
    from zorse.cli.classify import _labels
    from zorse.cli.terminal import Progress, note, percent, print_table
    from zorse.data.images import find_images
    from zorse.jobs.advise import CRITERION, advise

    names, told = _labels(labels, labels_file, descriptions)
    images = find_images(sources)
    next(iter(images))
    progress = Progress(images.count())

    def trying(name: str) -> None:
        progress.clear()
        if not as_json:
            note(f"trying {name}")

    found = advise(
        images,
        names,
        model,
        methods=None if methods is None else [one.strip() for one in methods.split(",") if one.strip()],
        templates=templates,
        descriptions=told,
        criterion=by or CRITERION,
        truth=truth,
        store=store,
        batch_size=batch_size,
        jobs=jobs,
        device=device,
        progress=progress,
        trying=trying,
    )
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=1, ensure_ascii=False))
        return 0
    known = found.compared > 0
    shown = list(dict.fromkeys([found.criterion, "information", "stability", "neighbours", "consensus"]))
    rows = []
    for one in found.tried:
        if one.same_as:
            continue
        alike = [other.name for other in found.tried if other.same_as == one.name]
        name = f"{one.name} (and {', '.join(alike)})" if alike else one.name
        right = [percent(one.accuracy.value)] if known else []
        rows.append([name, *(f"{one.criteria[c]:.3f}" for c in shown), f"{one.seconds:.1f} s", *right])
    titles = ["method", *shown, "time", *(["right"] if known else [])]
    print_table(titles, rows, right=titles[1:])
    typer.echo(f"{found.why}.")
    if known:
        best = max(found.tried, key=lambda one: one.accuracy.value)
        first = found.tried[0].accuracy
        plain = next((f"; clip {percent(one.accuracy.value)}" for one in found.tried if one.name == "clip"), "")
        typer.echo(
            f"against the truth of {found.compared:,} images: the first is right in {percent(first.value)} "
            f"(95 % interval {percent(first.low)} to {percent(first.high)}), the best of all, {best.name}, in "
            f"{percent(best.accuracy.value)}{plain}"
        )
        rho = found.correlations[found.criterion]
        if rho is not None:
            typer.echo(f"rank correlation of {found.criterion} with accuracy over the methods: {rho:+.2f}")
    for name, why in found.refused.items():
        note(f"not tried: {name}: {why}")
    note("a ranking without labels is a hint; a few labelled images tell more (zorse classify --calibrate)")
    return 0
