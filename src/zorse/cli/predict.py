"""``zorse predict``: what a fitted method makes of feature vectors."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import typer

from zorse.cli.options import JSON

_SHOWN = 20  # rows of the table on a terminal


def command(
    model: Path = typer.Argument(..., help="Folder that zorse fit or zorse.core.save wrote."),
    features: Path = typer.Argument(..., help=".npy (n, d), or .npz as zorse embed writes it."),
    candidates: str = typer.Option(
        None, "--candidates", "-c", help='seen, unseen, "cat, dog", or a file of labels; without it all classes.'
    ),
    top_k: int = typer.Option(5, "--top-k", "-k", help="Labels listed a sample."),
    output: Path = typer.Option(None, "--output", "-o", help="Write rows to .csv, .jsonl or .parquet."),
    truth: Path = typer.Option(None, "--truth", help="True labels, one a line, .json or .npy; tells the accuracy."),
    as_json: bool = JSON,
) -> None:
    """Name feature vectors by a fitted method.

    Rows go to --output, to stdout as JSON Lines where that is piped, or else to a table on the terminal.
    """
    from zorse.cli.terminal import counted, note, percent, print_table
    from zorse.core.errors import InputError
    from zorse.jobs.classification import Prediction
    from zorse.jobs.model import load_classifier, predictions, with_named_candidates
    from zorse.jobs.output import check_writable, open_output, print_json_line
    from zorse.jobs.pack import read_column, read_features, read_keys
    from zorse.training.validation import mean_class_accuracy

    if output is not None:
        check_writable(output)
    if top_k < 1:
        raise InputError(f"--top-k must be at least 1; got {top_k}")
    fitted = load_classifier(model)
    if candidates is not None:
        fitted = with_named_candidates(fitted, candidates)
    X, keys = read_features(features)[0], read_keys(features)
    true = None if truth is None else read_column(truth).astype(str)
    if true is not None and len(true) != len(X):
        raise InputError(f"{truth} has {len(true)} labels; {features} has {len(X)} samples")
    shown: list[Prediction] = []
    labels: list[str | None] = []
    piped = output is None and not as_json and not sys.stdout.isatty()
    with ExitStack() as stack:
        write = stack.enter_context(open_output(output)) if output is not None else None
        for row in predictions(fitted, X, keys, top_k):
            labels.append(row.label)
            if write is not None:
                write(row)
            elif piped:
                print_json_line(sys.stdout, row)
            elif len(shown) < _SHOWN:
                shown.append(row)
    accuracy = None if true is None or not labels else mean_class_accuracy(true, labels)
    if as_json:
        told = {"samples": len(labels), "candidates": len(fitted.classes_), "mean_class_accuracy": accuracy}
        typer.echo(json.dumps(told | {"output": output and str(output)}, indent=1))
        return
    if shown:
        after = ["  ".join(f"{name} {percent(p)}" for name, p in row.top[1:3]) for row in shown]
        after = ["  ".join(f"{name} {percent(p)}" for name, p in row.top[1:3]) for row in shown]
        rows = [[row.path, row.label, percent(row.score), told] for row, told in zip(shown, after)]
        print_table(["sample", "label", "score", "next"], rows, right=["score"])
        if len(labels) > len(shown):
            typer.echo(f"and {len(labels) - len(shown):,} samples more; --output FILE keeps all rows")
    if accuracy is not None:
        note(f"mean class accuracy {percent(accuracy)}")
    if not piped:
        where = f" -> {output}" if output else ""
        note(f"{counted(len(labels), 'sample')}, {counted(len(fitted.classes_), 'candidate')}{where}")
