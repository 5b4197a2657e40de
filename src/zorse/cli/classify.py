"""``zorse classify``: name what is in images."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from zorse.cli.options import BATCH_SIZE, DEVICE, JOBS, JSON, MODEL, SOURCES, STORE

if TYPE_CHECKING:
    from zorse.data.image_ref import ImageRef
    from zorse.evaluation import Interval
    from zorse.jobs.classify import Prediction, Summary
    from zorse.jobs.embed import Embedded
    from zorse.jobs.truth import Agreement

_SHOWN = 20  # rows of the table on a terminal


def command(
    sources: list[str] = SOURCES,
    labels: str = typer.Option(None, "--labels", "-l", help='Names to choose from: "cat, dog, polar bear".'),
    labels_file: Path = typer.Option(None, "--labels-file", help="One a line, a JSON list, or JSON {prompt: class}."),
    model: str = MODEL,
    method: str = typer.Option("clip", "--method", help="NAME or NAME:key=value,...; see zorse papers."),
    templates: str = typer.Option(None, "--templates", help="A built-in set, or a file of templates that hold {}."),
    descriptions: Path = typer.Option(None, "--descriptions", help="JSON: class -> sentences (CuPL) or descriptors."),
    top_k: int = typer.Option(5, "--top-k", "-k", help="Labels listed an image."),
    unknown_below: float = typer.Option(
        None,
        "--unknown-below",
        metavar="P",
        help='Answer "unknown" if the best probability is below P.',
    ),
    truth: str = typer.Option(None, "--truth", metavar="folder", help="Compare with the name of each image's folder."),
    output: Path = typer.Option(None, "--output", "-o", help="Write rows to .csv, .jsonl or .parquet."),
    report: Path = typer.Option(None, "--report", help="Write a page with pictures, .html, to look at in a browser."),
    store: Path = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    as_json: bool = JSON,
) -> int:
    """Name what is in images.

    Rows go to --output, to stdout as JSON Lines where that is piped, or else to a table on the terminal.
    --json prints a summary object instead.
    """
    from zorse.jobs.output import check_writable

    if output is not None:
        check_writable(output)
    if report is not None:
        check_writable(report, (".html", ".htm"))
    wanted, described = _labels(labels, labels_file, descriptions)
    return run(
        sources,
        wanted,
        output=output,
        report=report,
        as_json=as_json,
        store=store,
        jobs=jobs,
        batch_size=batch_size,
        model=model,
        method=method,
        templates=templates,
        descriptions=described,
        top_k=top_k,
        unknown_below=unknown_below,
        truth=truth,
        device=device,
    )


def run(
    sources: Any,
    labels: Any,
    *,
    output: Path | None,
    report: Path | None,
    as_json: bool,
    store: Path | None,
    jobs: int | None,
    batch_size: int,
    title: str = "What is in these images",
    **request: Any,
) -> int:
    """Classify and show; the exit code."""
    from zorse.cli.terminal import Progress, graceful, note
    from zorse.core.image import open_image
    from zorse.data.images import find_images
    from zorse.jobs.classify import Classifier, open_store
    from zorse.jobs.embed import embed_stream
    from zorse.jobs.output import open_output, print_json_line, set_aside
    from zorse.jobs.report import SIDE, Report

    images = find_images(sources)
    next(iter(images))  # a folder without images is found before a model is loaded
    progress = Progress(images.count())
    with ExitStack() as stack:
        stack.callback(progress.clear)
        kept = stack.enter_context(open_store(store))
        progress.say(f"loading {request['model']} ...")
        classifier = Classifier(labels, store=kept, **request)
        page = Report(title) if report is not None else None
        summary = classifier.summary()
        shown: list[Prediction] = []
        sinks: list[Callable[[Prediction], None]] = [summary.add]
        piped = output is None and not as_json and not sys.stdout.isatty()
        if output is not None:
            sinks.append(stack.enter_context(open_output(output)))
        elif piped:
            sinks.append(lambda row: print_json_line(sys.stdout, row))
        elif not as_json:
            sinks.append(lambda row: shown.extend([row][: _SHOWN - len(shown)]))
        stream = embed_stream(images, classifier.encoder, store=kept, batch_size=batch_size, jobs=jobs)
        stack.enter_context(closing(stream))
        stop = stack.enter_context(graceful())
        refs: deque[ImageRef] = deque()
        progress.start()
        for row in classifier.predict(_noted(stop.until(stream), refs)):
            for sink in sinks:
                sink(row)
            ref = refs.popleft()
            if page is not None:
                page.add(row, lambda ref=ref: open_image(ref.read(), min_size=(SIDE, SIDE)))
            progress(summary.images)
        progress.clear()
        if page is not None and report is not None:
            written = set_aside(report) if stop.asked else report
            size = page.write(written, summary)
            note(f"report: {written} ({size / 1e6:.1f} MB)")
        if stop.asked:
            where = f"; they are in {set_aside(output)}" if output and summary.images else ""
            again = "; the same command goes on from there" if store else ""
            note(f"interrupted after {summary.images:,} images{where}{again}")
            raise typer.Exit(130)
    if as_json:
        extra = {"output": output and str(output), "report": report and str(report)}
        typer.echo(json.dumps(summary.as_dict() | extra, indent=1, ensure_ascii=False))
    else:
        _show(summary, shown, piped, output)
    if summary.failed:
        note(f"{summary.failed:,} of {summary.images:,} images could not be read")
    return 1 if summary.failed else 0


def _noted(stream: Iterable[Embedded], refs: deque[ImageRef]) -> Iterator[Embedded]:
    """The stream, its images noted: rows come out in the same order, so each finds its picture again."""
    for item in stream:
        refs.append(item.ref)
        yield item


def _labels(labels: str | None, labels_file: Path | None, descriptions: Path | None) -> tuple[Any, Any]:
    """Names to choose from, and what is said about each."""
    from zorse.core.errors import InputError
    from zorse.jobs.labels import from_descriptions, from_file
    from zorse.semantics import parse_labels

    if labels is not None and labels_file is not None:
        raise InputError("give --labels or --labels-file, not both")
    if labels is not None:
        return parse_labels(labels), descriptions
    if labels_file is not None:
        names, prompts = from_file(labels_file)
        return names, descriptions or prompts
    if descriptions is not None:
        return from_descriptions(descriptions), descriptions
    raise InputError('no labels; give --labels "cat, dog" or --labels-file FILE')


def _show(summary: Summary, rows: list[Prediction], piped: bool, output: Path | None) -> None:
    from zorse.cli.terminal import note, percent, print_table

    if rows:
        print_table(
            ["image", "label", "score", "next"],
            [_cells(row) for row in rows],
            right=["score"],
        )
        if summary.images > len(rows):
            more = summary.images - len(rows)
            typer.echo(f"and {more:,} images more; --output FILE keeps all rows")
    if summary.agreement is not None:
        _show_agreement(summary.agreement, note if piped else typer.echo, percent)
    if not piped or sys.stderr.isatty():
        where = f" -> {output}" if output else ""
        note(f"{summary.images:,} images in {summary.seconds:.1f} s, {summary.images_per_second:,.1f} a second{where}")


def _cells(row: Prediction) -> list[str]:
    from zorse.cli.terminal import percent

    if row.error is not None:
        return [row.path, f"({row.error})", "", ""]
    after = "  ".join(f"{name} {percent(p)}" for name, p in row.top[1:3])
    right = {True: " +", False: " -"}[row.label == row.truth] if row.rank is not None else ""
    return [row.path, f"{row.label}{right}", percent(row.score), after]


def _show_agreement(agreement: Agreement, say: Callable[[str], Any], percent: Callable[[float | None], str]) -> None:
    top1, top5 = agreement.top1, agreement.top5
    if top1 is None:
        say("no image lies in a folder named after a label, so nothing can be compared")
    else:
        say(f"top-1 {_interval(top1)}, {agreement.n:,} images")
        if top5 is not None:
            say(f"top-5 {_interval(top5)}")
        say(f"per-class mean {percent(agreement.per_class_mean)} over {len(agreement.per_class)} classes")
        worst = [(c, right, total) for c, (right, total) in agreement.per_class.items() if right < total][:5]
        for label, right, total in worst:
            mistaken = agreement.mistaken_for(label)
            told = f", most often called {mistaken[0]}" if mistaken else ""
            say(f"  worst: {label} {right} of {total} right{told}")
    if agreement.strangers:
        names = ", ".join(name or "(none)" for name, _ in agreement.strangers.most_common(5))
        more = f" and {len(agreement.strangers) - 5} more" if len(agreement.strangers) > 5 else ""
        say(f"{sum(agreement.strangers.values()):,} images not compared: their folder is no label ({names}{more})")


def _interval(share: Interval) -> str:
    from zorse.cli.terminal import percent

    return f"{percent(share.value)} (95 % interval {percent(share.low)} to {percent(share.high)})"
