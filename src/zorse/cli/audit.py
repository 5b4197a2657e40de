"""``zorse audit``: which unseen classes the encoder has been trained on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from zorse.cli.options import JSON

if TYPE_CHECKING:
    from zorse.evaluation.exposure import ExposureReport
    from zorse.semantics import WordNet

_SHOWN = 40


def command(
    task: str = typer.Option(..., "--task", "-t", help="A named task or a path."),
    encoder_saw: list[str] = typer.Option(
        None, "--encoder-saw", help="imagenet-1k, imagenet-21k, or a file of classes; again for more."
    ),
    captions: Path = typer.Option(
        None, "--captions", help="Texts it was trained on: .txt(.gz), one a line, or .parquet with a caption column."
    ),
    frequency: Path = typer.Option(
        None, "--frequency", help="Captions as of --captions: how often each class is named, and what that lets expect."
    ),
    accuracy: Path = typer.Option(None, "--accuracy", help="With --frequency: JSON {class: accuracy} of the classes."),
    at_least: int = typer.Option(None, "--at-least", min=1, help="With --captions: how many must name a class (1)."),
    wordnet: Path = typer.Option(None, "--wordnet", help="Folder of WordNet's files; else WNSEARCHDIR or Debian's."),
    clean: Path = typer.Option(None, "--clean", help="Write a bundle without exposed unseen classes."),
    redraw: int = typer.Option(
        None, "--redraw", metavar="SEED", help="With --clean: put clean classes, drawn by SEED, in their place."
    ),
    as_json: bool = JSON,
) -> int:
    """Say which unseen classes the encoder has been trained on.

    They are unseen by the zero-shot method, but not by its features.
    Classes are compared by WordNet id, name and synonym. The exit code is 1 if a class is exposed.
    """
    from zorse.benchmark.exposure import trained_on
    from zorse.benchmark.tasks import load_task
    from zorse.cli.terminal import note
    from zorse.core.errors import InputError
    from zorse.data import ZeroShotTask, save_bundle
    from zorse.evaluation.exposure import clean_split

    if accuracy is not None and frequency is None:
        raise InputError("--accuracy is set against --frequency; give both")
    if frequency is not None:
        others = {"--encoder-saw": encoder_saw or None, "--captions": captions, "--at-least": at_least}
        others |= {"--wordnet": wordnet, "--clean": clean, "--redraw": redraw}
        for option in (option for option, value in others.items() if value is not None):
            raise InputError(f"--frequency counts captions and looks for no exposed classes; {option} is about these")
        return _frequency(task, load_task(task), frequency, accuracy, as_json)
    default = trained_on(task)
    sources = encoder_saw or ([] if captions or default is None else [default])
    if not sources and captions is None:
        raise InputError(f"say what the encoder of {task} was trained on: --encoder-saw imagenet-1k, or a FILE")
    if sources and captions is not None:
        raise InputError("give --encoder-saw or --captions, and not both")
    if at_least is not None and captions is None:
        raise InputError("--at-least counts captions that name a class; give --captions FILE")
    if redraw is not None and clean is None:
        raise InputError("--redraw says how to make the task that --clean writes; give both")
    held = load_task(task)
    scores = not isinstance(held, ZeroShotTask)
    if scores and clean is not None:
        raise InputError(f"{task} is published scores; a clean split needs features")
    known = _wordnet(wordnet)

    def audit(labels: Any) -> ExposureReport:
        return _audit(held.classes, labels, sources, captions, at_least or 1, known)

    report = audit(held.classes.without(held.seen).labels if scores else held.unseen)
    told = report.as_dict() | {"task": task}
    if as_json:
        typer.echo(json.dumps(told | {"clean": clean and str(clean)}, indent=1, ensure_ascii=False))
    else:
        _show(task, report)
    if not report.with_wordnet:
        note("WordNet is not there, so synonyms were not looked for (apt install wordnet-base, or --wordnet FOLDER)")
    if clean is not None:
        full = report if redraw is None else audit(held.classes.labels)
        made = clean_split(held, full, seed=redraw)
        save_bundle(made, clean)
        note(f"clean split: {len(made.unseen)} unseen classes -> {clean}")
    return 1 if report.exposures else 0


def _frequency(task: str, held: Any, captions: Path, accuracy: Path | None, as_json: bool) -> int:
    import numpy as np

    from zorse.cli.terminal import print_table
    from zorse.core.errors import InputError
    from zorse.evaluation.frequency import concept_frequency, frequency_fit
    from zorse.semantics.files import read_json

    table = getattr(held, "classes", None)
    names = np.unique(held.y).tolist() if table is None else list(table.names or map(str, table.labels))
    told = {} if accuracy is None else read_json(accuracy)
    if not isinstance(told, dict) or not all(isinstance(v, int | float) and 0 <= v <= 1 for v in told.values()):
        raise InputError(f"{accuracy} should hold {{class: accuracy from 0 to 1}}")
    counts = concept_frequency(names, _texts(captions))
    fit = frequency_fit(counts, told) if told else None
    expected = {} if fit is None else dict(zip(counts, fit.expected(list(counts.values())).tolist(), strict=True))
    if as_json:
        line = None if fit is None else vars(fit)
        typer.echo(json.dumps({"task": task, "frequency": counts, "expected": expected, "fit": line}, indent=1))
        return 0
    rarest = sorted(counts, key=lambda name: counts[name])
    rows = [
        [name, f"{counts[name]:,}", f"{told[name]:.3f}" if name in told else "", f"{expected.get(name, np.nan):.3f}"]
        for name in rarest[:_SHOWN]
    ]
    heads = ["class", "captions", "accuracy", "expected"]
    print_table(heads if fit else heads[:2], rows if fit else [row[:2] for row in rows])
    if fit is not None:
        typer.echo(
            f"accuracy = {fit.slope:.3f} log10(captions) {fit.intercept:+.3f}, correlation {fit.correlation:.2f} "
            f"(p = {fit.p_value:.2g}) over {fit.n} classes; {len(fit.absent)} more are in no caption"
        )
    return 0


def _audit(
    classes: Any, labels: Any, sources: list[str], captions: Path | None, at_least: int, wordnet: WordNet | None
) -> ExposureReport:
    from functools import reduce
    from operator import or_

    from zorse.evaluation.exposure import KnownClasses, exposed, exposed_in_captions

    if captions is not None:
        options: dict[str, Any] = {"at_least": at_least, "name": captions.name}
        return exposed_in_captions(classes, _texts(captions), labels=labels, wordnet=wordnet, **options)
    known = reduce(or_, [KnownClasses.read(source) for source in sources])
    return exposed(classes, known, labels=labels, wordnet=wordnet)


def _wordnet(folder: Path | None) -> WordNet | None:
    from zorse.core.errors import NotAvailableError
    from zorse.semantics import WordNet

    try:
        return WordNet.read(folder)
    except NotAvailableError:
        if folder is not None:
            raise
        return None


def _texts(path: Path) -> Iterator[str]:
    """Captions one after the other, without holding the file."""
    from zorse.core.errors import InputError

    name = path.name.lower()
    try:
        if name.endswith(".parquet"):
            import pyarrow as pa
            import pyarrow.parquet as pq

            try:
                table = pq.ParquetFile(path)
                column = next((c for c in table.schema_arrow.names if c.lower() in ("caption", "text")), None)
                if column is None:
                    raise InputError(f"{path} has no column caption or text")
                for batch in table.iter_batches(columns=[column]):
                    yield from (text for text in batch.column(0).to_pylist() if text)
            except pa.ArrowException as error:
                raise InputError(f"{path} is no Parquet file ({str(error).splitlines()[0]})") from error
        else:
            opened: Any = gzip.open if name.endswith(".gz") else open
            with opened(path, "rt", encoding="utf-8", errors="replace") as file:
                yield from file
    except (OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _show(task: str, report: ExposureReport) -> None:
    from zorse.cli.terminal import counted, print_table

    if report.exposures:
        rows = [
            [e.label, "" if e.name == e.label else e.name, e.how, e.known, _short(e.meaning)]
            for e in report.exposures[:_SHOWN]
        ]
        print_table(["class", "name", "by", "known as", "meaning"], rows)
        if len(report.exposures) > _SHOWN:
            typer.echo(f"and {len(report.exposures) - _SHOWN} more; --json lists all")
    ways = {e.how: sum(x.how == e.how for x in report.exposures) for e in report.exposures}
    by = f" ({', '.join(f'{n} by {how}' for how, n in ways.items())})" if ways else ""
    typer.echo(f"{task}: {report.note()}{by}")
    if report.kinds:
        listed = ", ".join(f"{label} ({kind})" for label, kind in list(report.kinds.items())[:5])
        more = f" and {len(report.kinds) - 5} more" if len(report.kinds) > 5 else ""
        typer.echo(
            f"kinds of {counted(len(report.kinds), 'other')} were: {listed}{more}".replace("1 others", "1 other")
        )


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
