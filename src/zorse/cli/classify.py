"""``zorse classify``: name what is in images."""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from zorse.cli.options import ADDRESS, BATCH_SIZE, DEVICE, ENGINE, JOBS, JSON, MODEL, SOURCES, STORE, WORKERS

if TYPE_CHECKING:
    from PIL.Image import Image

    from zorse.cli.terminal import Progress
    from zorse.data.image_ref import ImageRef
    from zorse.evaluation import Interval
    from zorse.jobs.classification import Prediction, Summary
    from zorse.jobs.embed import Embedded
    from zorse.jobs.report import Report
    from zorse.jobs.truth import Agreement

_SHOWN = 20  # rows of the table on a terminal


def command(
    sources: list[str] = SOURCES,
    labels: str = typer.Option(None, "--labels", "-l", help='Names to choose from: "cat, dog, polar bear".'),
    labels_file: Path = typer.Option(None, "--labels-file", help="One a line, a JSON list, or JSON {prompt: class}."),
    model: str = MODEL,
    method: str = typer.Option(None, "--method", help="NAME or NAME:key=value,... (clip); see zorse papers."),
    templates: str = typer.Option(None, "--templates", help="A built-in set (ensemble, ...) or a file; each holds {}."),
    descriptions: Path = typer.Option(None, "--descriptions", help="JSON: class -> sentences (CuPL) or descriptors."),
    top_k: int = typer.Option(5, "--top-k", "-k", help="Labels listed an image."),
    unknown_below: float = typer.Option(
        None,
        "--unknown-below",
        metavar="P",
        help='Answer "unknown" if the best probability, or the confidence of --ood, is below P.',
    ),
    truth: str = typer.Option(None, "--truth", metavar="folder", help="Compare with the name of each image's folder."),
    calibrate: str = typer.Option(
        None,
        "--calibrate",
        metavar="SAMPLE",
        help="Other images, labelled: a folder of folders, or .csv path,label.",
    ),
    sets: float = typer.Option(
        None, "--sets", metavar="ERROR", help="Sets of labels that miss the truth at most this often; with --calibrate."
    ),
    sets_by: str = typer.Option(
        None, "--sets-by", help="lac (default): small sets; aps: larger ones, more even over images."
    ),
    ood: str = typer.Option(None, "--ood", help="mcm or glmcm: confidence that an image shows any of the labels."),
    multi_label: str = typer.Option(
        None,
        "--multi-label",
        metavar="P|auto",
        help="Every label at least P probable; auto: by --calibrate.",
    ),
    groups: Path = typer.Option(None, "--groups", help="JSON {group: [label, ...]}: probabilities summed over each."),
    tree: str = typer.Option(None, "--tree", help="Nested JSON, or wordnet: answer as deep as is sure."),
    sure: float = typer.Option(
        None, "--sure", metavar="P", help="With --tree: the deepest node at least P probable (0.9)."
    ),
    label_index: Path = typer.Option(
        None,
        "--label-index",
        help="Folder that keeps label vectors, built once, later without labels: for more names than fit a matrix.",
    ),
    explain: bool = typer.Option(
        False, "--explain", help="Tell which prompts, crops, captions or images spoke for it."
    ),
    output: Path = typer.Option(None, "--output", "-o", help="Write rows to .csv, .jsonl or .parquet."),
    report: Path = typer.Option(None, "--report", help="Write a page with pictures, .html, to look at in a browser."),
    store: Path = STORE,
    jobs: int = JOBS,
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    engine: str = ENGINE,
    address: str = ADDRESS,
    workers: int = WORKERS,
    as_json: bool = JSON,
) -> int:
    """Name what is in images.

    Rows go to --output, to stdout as JSON Lines where that is piped, or else to a table on the terminal.
    --json prints a summary object instead.
    """
    from zorse.jobs.adapted import is_adapted
    from zorse.jobs.output import check_writable
    from zorse.scale.engine import streaming

    stream = streaming(engine, model, store, address, workers)
    if output is not None:
        check_writable(output)
    if report is not None:
        check_writable(report, (".html", ".htm"))
    if labels is None and labels_file is None and (label_index is not None or is_adapted(model)):
        wanted, described = None, descriptions
    elif label_index is not None and labels is None and labels_file.suffix.lower() != ".json":
        wanted, described = labels_file, descriptions  # read a line at a time
    else:
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
        calibrate=calibrate,
        sets=sets,
        sets_by=sets_by,
        ood=ood,
        multi_label=multi_label,
        groups=groups,
        tree=tree,
        sure=sure,
        explain=explain,
        device=device,
        label_index=label_index,
        stream_of=stream,
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
    page: Report | None = None,
    table: bool = False,
    label_index: Path | None = None,
    stream_of: Callable[..., Any] | None = None,
    **request: Any,
) -> int:
    """Classify and show; the exit code.

    ``page`` is the report to fill; ``table`` shows a table for people even where stdout is piped; ``stream_of`` embeds
    in place of ``embed_stream``.
    """
    from zorse.cli.terminal import Progress, counted, graceful, note
    from zorse.data.images import find_images
    from zorse.jobs.classify import Classifier, open_store
    from zorse.jobs.embed import embed_stream
    from zorse.jobs.output import open_output, print_json_line, set_aside
    from zorse.jobs.report import Report

    images = find_images(sources)
    next(iter(images))  # a folder without images is found before a model is loaded
    progress = Progress(images.count())
    with ExitStack() as stack:
        stack.callback(progress.clear)
        kept = stack.enter_context(open_store(store))
        progress.say(f"loading {request['model']} ...")
        classifier: Any
        if label_index is not None:
            classifier = _among_many(labels, label_index, progress, request)
        else:
            classifier = Classifier(labels, together=True, store=kept, **request)
        if classifier.sample is not None:
            progress.say("reading the labelled sample ...")
        classifier.learn(store=kept, batch_size=batch_size, jobs=jobs)
        page = page or Report()
        summary = classifier.summary()
        shown: list[Prediction] = []
        sinks: list[Callable[[Prediction], None]] = [summary.add]
        piped = output is None and not as_json and not table and not sys.stdout.isatty()
        if output is not None:
            sinks.append(stack.enter_context(open_output(output, summary.columns)))
        elif piped:
            sinks.append(lambda row: print_json_line(sys.stdout, row, summary.columns))
        elif not as_json:
            sinks.append(partial(_keep, shown))
        embedded = stream_of or embed_stream
        stream = embedded(images, classifier.encoder, store=kept, batch_size=batch_size, jobs=jobs)
        stack.enter_context(closing(stream))
        stop = stack.enter_context(graceful())
        refs: deque[ImageRef] = deque()
        progress.start()
        for row in classifier.predict(_noted(stop.until(stream), refs), summary):
            for sink in sinks:
                sink(row)
            ref = refs.popleft()
            if report is not None:
                page.add(row, partial(_picture, ref))
            progress(summary.images)
        progress.clear()
        if report is not None:
            written = set_aside(report) if stop.asked else report
            size = page.write(written, summary)
        if stop.asked:
            where = f"; they are in {set_aside(output)}" if output and summary.images else ""
            again = "; the same command goes on from there" if store else ""
            note(f"interrupted after {counted(summary.images, 'image')}{where}{again}")
            raise typer.Exit(130)
    if as_json:
        extra = {"output": output and str(output), "report": report and str(report)}
        typer.echo(json.dumps(summary.as_dict() | extra, indent=1, ensure_ascii=False))
    else:
        _show(summary, shown, piped, output)
        if report is not None:
            note(f"report: {report} ({size / 1e6:.1f} MB)")
    if summary.failed:
        first = f", such as {summary.first_failed.path}: {summary.first_failed.error}" if summary.first_failed else ""
        note(f"{summary.failed:,} of {summary.images:,} images could not be read{first}")
    return 1 if summary.failed else 0


def _among_many(names: Any, folder: Path, progress: Progress, request: dict[str, Any]) -> Any:
    """What names images by label vectors on disk; refuses what needs a score for every label."""
    from zorse.core.errors import InputError
    from zorse.encoders import load_encoder
    from zorse.jobs.vocabulary import VocabularyClassifier

    if names is None and not folder.exists():
        raise InputError(f"there are no label vectors in {folder} yet; give --labels-file FILE, and they are made")
    fitting = ("model", "templates", "top_k", "unknown_below", "device")
    for option, value in request.items():
        if option not in fitting and value not in (None, False) and (option, value) != ("method", "clip"):
            name = option.replace("_", "-")
            raise InputError(f"--label-index looks at the labels nearest to an image only; --{name} needs all of them")
    encoder = load_encoder(request["model"], device=request["device"])
    progress.say("reading label vectors ...")
    return VocabularyClassifier(
        names,
        encoder,
        folder,
        templates=request["templates"],
        top_k=request["top_k"],
        unknown_below=request["unknown_below"],
        progress=lambda what, n, of: progress.say(f"{n:,} of {of:,} labels {what}"),
    )


def _picture(ref: ImageRef) -> Image:
    from zorse.core.image import open_image
    from zorse.jobs.report import SIDE

    return open_image(ref.read(), min_size=(SIDE, SIDE))


def _keep(shown: list[Prediction], row: Prediction) -> None:
    if len(shown) < _SHOWN:
        shown.append(row)


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
        if descriptions is not None and prompts is not None:
            raise InputError(f"{labels_file} brings the prompts of its labels; give it or --descriptions, not both")
        return names, descriptions or prompts
    if descriptions is not None:
        return from_descriptions(descriptions), descriptions
    raise InputError('no labels; give --labels "cat, dog" or --labels-file FILE')


def _show(summary: Summary, rows: list[Prediction], piped: bool, output: Path | None) -> None:
    from zorse.cli.terminal import counted, note, percent, print_table

    if rows:
        # What all paths begin with is told once, so that the rest of the line is left for answers.
        common = _common_folder([row.path for row in rows])
        titles = ["image", "label", "score", _last(summary)]
        print_table(titles, [_cells(row, common) for row in rows], right=["score"])
        if summary.images > len(rows):
            more = summary.images - len(rows)
            typer.echo(f"and {more:,} images more; --output FILE keeps all rows")
    say = note if piped else typer.echo
    if summary.calibration is not None:
        _show_calibration(summary, say)
    if summary.answered:
        say(_sizes(summary))
    if summary.agreement is not None:
        _show_agreement(summary.agreement, say, percent)
    if not piped or sys.stderr.isatty():
        where = f" -> {output}" if output else ""
        rate = f"{summary.images_per_second:,.1f} a second"
        note(f"{counted(summary.images, 'image')} in {summary.seconds:.1f} s, {rate}{where}")


def _common_folder(paths: list[str]) -> str:
    try:
        return os.path.commonpath([Path(path).parent for path in paths]) if len(paths) > 1 else ""
    except ValueError:  # absolute and relative ones
        return ""


def _cells(row: Prediction, common: str) -> list[str]:
    from zorse.cli.terminal import percent

    name = row.path.removeprefix(f"{common}/") if common else row.path
    if row.error is not None:
        return [name, f"({row.error})", "", ""]
    after = "  ".join(f"{name} {percent(p)}" for name, p in row.top[1:3])
    if row.answers is not None:
        after = ", ".join(row.answers[:4]) + (f" and {len(row.answers) - 4} more" if len(row.answers) > 4 else "")
    elif row.branch is not None:
        after = " > ".join(f"{name} {percent(p)}" for name, p in row.branch[-3:])
    elif row.groups is not None:
        after = "  ".join(f"{name} {percent(p)}" for name, p in row.groups[:3])
    elif row.because is not None:
        after = row.because[0][0]
    elif row.known is not None:
        after = f"{row.known:.4g}"
    wrong = f" (wrong: {row.truth})" if row.rank is not None and not row.right else ""
    return [name, f"{row.label}{wrong}", percent(row.score), after]


def _last(summary: Summary) -> str:
    """What the last column of the table tells."""
    titles = {"answers": "answers", "branch": "way down", "groups": "groups", "because": "because", "known": "known"}
    return next((title for name, title in titles.items() if name in summary.columns), "next")


def _sizes(summary: Summary) -> str:
    from zorse.cli.terminal import counted
    from zorse.jobs.classification import FIRST_LOOK

    mean = sum(size * n for size, n in summary.answered.items()) / max(sum(summary.answered.values()), 1)
    told = f"{mean:.2f} labels an image; exactly one in {counted(summary.answered[1], 'image')}"
    return told if summary.calibration else f"{told}; {FIRST_LOOK}"


def _show_calibration(summary: Summary, say: Callable[[str], Any]) -> None:
    from zorse.cli.terminal import counted, percent
    from zorse.jobs.sample import named

    learned = summary.calibration
    assert learned is not None
    told = f"calibrated by {counted(learned.n, 'labelled image')}"
    if not learned.n_fitted:
        told += ": too few for a temperature beside the sets, so that probabilities are as they were"
    elif not learned.fitted.independent:
        told += f": temperature {1 / learned.fitted.slope:.2f}"
    if learned.after.n:
        before = f"{percent(learned.before.error)} before, " if learned.before.n else ""
        told += f"; calibration error {before}{percent(learned.after.error)} after"
    if learned.strangers:
        n = counted(sum(learned.strangers.values()), "image")
        told += f"; {n} of the sample had no label ({named(learned.strangers)})"
    say(told + (f"; {counted(learned.unread, 'image')} of it could not be read" if learned.unread else ""))
    if summary.in_sample:
        n = counted(summary.in_sample, "image")
        say(f"{n} of the run are in the labelled sample as well: figures about them flatter")


def _show_agreement(agreement: Agreement, say: Callable[[str], Any], percent: Callable[[float | None], str]) -> None:
    from zorse.cli.terminal import counted

    top1, top5 = agreement.top1, agreement.top5
    if top1 is None:
        say("nothing is compared: no image that was read has a label as its truth")
    else:
        say(f"top-1 {_interval(top1)}, {counted(agreement.n, 'image')}")
        if top5 is not None:
            say(f"top-5 {_interval(top5)}")
    if agreement.coverage is not None:
        say(f"the answers hold the truth in {_interval(agreement.coverage)}")
    if agreement.at_depth is not None:
        say(f"right at the depth answered {_interval(agreement.at_depth)}")
    if top1 is not None and agreement.n >= 20:
        say(f"calibration error {percent(agreement.reliability.error)}")
    if top1 is not None and agreement.n > len(agreement.per_class):
        say(f"per-class mean {percent(agreement.per_class_mean)} over {len(agreement.per_class)} classes")
        worst = [(c, right, total) for c, (right, total) in agreement.per_class.items() if right < total][:5]
        for label, right, total in worst:
            mistaken = agreement.mistaken_for(label)
            told = f", most often called {mistaken[0]}" if mistaken else ""
            say(f"  worst: {label} {right} of {total} right{told}")
    if agreement.strangers:
        names = ", ".join(name or "(none)" for name, _ in agreement.strangers.most_common(5))
        more = f" and {len(agreement.strangers) - 5} more" if len(agreement.strangers) > 5 else ""
        n = counted(sum(agreement.strangers.values()), "image")
        say(f"{n} not compared: their truth is no label ({names}{more})")


def _interval(share: Interval) -> str:
    from zorse.cli.terminal import percent

    return f"{percent(share.value)} (95 % interval {percent(share.low)} to {percent(share.high)})"
