"""``zorse evaluate``: protocols over embeddings on disk."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from zorse.cli.options import DEVICE, JSON, MODEL

if TYPE_CHECKING:
    from zorse.core import ClassTable

app = typer.Typer(help="Run a protocol over embeddings in .npz or .parquet.", no_args_is_help=True)
_FILE = typer.Argument(..., metavar="FILE", help="Vectors with labels, as zorse embed writes them of folders.")
_CLASSES = typer.Option(None, "--classes", "-c", help=".npz or .parquet: labels and class vectors in the same space.")
_TEMPLATES = typer.Option(None, "--templates", help="For names as classes: a built-in set or a file; each holds {}.")
_SEED = typer.Option(None, "--seed", help="Draws at random, by this number.")


@app.command()
def continual(
    file: Path = _FILE,
    increment: int = typer.Option(..., "--increment", "-n", help="Classes that come in a step."),
    initial: int = typer.Option(0, "--initial", help="Classes in the first step; 0: as many as in any other."),
    classes: Path = _CLASSES,
    model: str = MODEL,
    templates: str = _TEMPLATES,
    seed: int = _SEED,
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Continual zero-shot recognition: the class list grows, nothing is trained (Continual-CLIP).

    Without --classes the labels are names, and --model's text tower, which must be the one that goes with the vectors,
    embeds them. Classes come in alphabetical order, or shuffled by --seed.
    """
    from zorse.cli.terminal import percent, print_table
    from zorse.data.labelled import read_labelled
    from zorse.evaluation import class_steps, evaluate_continual
    from zorse.methods.pretraining.clip import CLIP

    X, y, columns = read_labelled(file)
    table = _table(y, classes, columns, model, templates, device)
    _same_space(X, table, file)
    steps = class_steps(sorted(table.labels.tolist()), increment, initial, seed)
    report = evaluate_continual(CLIP().fit(None, None, classes=table), X, y, steps)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=1))
        return
    so_far = itertools.accumulate(map(len, steps))
    rows = [[t, n, percent(a)] for t, (n, a) in enumerate(zip(so_far, report.accuracy.tolist(), strict=True), 1)]
    print_table(["step", "classes so far", "accuracy"], rows, right=["step", "classes so far", "accuracy"])
    typer.echo(
        f"average {percent(report.average)}, last {percent(report.last)}, forgetting {percent(report.forgetting)}"
    )


@app.command()
def faces(
    file: Path = _FILE,
    names: Path = typer.Option(None, "--names", help=".npz or .parquet: people and embedded texts about them."),
    pairs: Path = typer.Option(None, "--pairs", help="Text: two row numbers and 1 (same) or 0 a line, in fold order."),
    folds: int = typer.Option(10, "--folds", help="Of the verification."),
    k: int = typer.Option(1, "--neighbours", "-k", help="Images that vote on who it is."),
    poison: str = typer.Option("", "--poison", metavar="SHARES", help='Parts of the gallery to replace: "0.1, 0.5".'),
    cloaked: Path = typer.Option(None, "--cloaked", help="Vectors of the same images after a cloak, row by row."),
    seed: int = typer.Option(0, "--seed", help="Deals pairs and draws what is poisoned."),
    as_json: bool = JSON,
) -> None:
    """Faces: verification in folds, identification by text and by neighbours, and a poisoned gallery."""
    from zorse.data.labelled import read_classes, read_labelled
    from zorse.evaluation import evaluate_faces

    X, y, _ = read_labelled(file)
    table = None if names is None else read_classes(names)
    if table is not None:
        _same_space(X, table, file)
    report = evaluate_faces(
        X,
        y,
        table,
        pairs=None if pairs is None else _pairs(pairs),
        folds=folds,
        k=k,
        shares=_shares(poison),
        cloaked=None if cloaked is None else read_labelled(cloaked)[0],
        random_state=seed,
    )
    _show(report.as_dict(), as_json)


@app.command()
def entities(
    file: Path = typer.Argument(
        ..., metavar="FILE", help="Labels, split (entity, query), and vectors or answers, in .npz or .parquet."
    ),
    seen: Path = typer.Option(..., "--seen", help="Entities that occur in training, one a line."),
    candidates: Path = typer.Option(
        None, "--entities", "-e", help=".npz, or .parquet read as a stream: labels and vectors of all entities."
    ),
    as_json: bool = JSON,
) -> None:
    """Open-domain entities: seen and unseen, entity and query split, and their harmonic means (OVEN).

    With --entities each sample is answered by the entity of the largest cosine, however many there are; without it,
    the file has a column of answers.
    """
    from zorse.core.errors import InputError
    from zorse.data.labelled import LABELS, read_columns, read_labelled
    from zorse.evaluation import evaluate_entities
    from zorse.semantics.files import read_lines

    columns = read_columns(file)
    known = [line for _, line in read_lines(seen)]
    for name in ("split",) if candidates else ("split", "answers"):
        if name not in columns:
            raise InputError(f"{file} has no column {name!r}; it has {', '.join(columns)}")
    if candidates is None:
        y = next((columns[name] for name in LABELS if name in columns), None)
        if y is None:
            raise InputError(f"{file} has no labels ({', '.join(LABELS)}); it has {', '.join(columns)}")
        answers = columns["answers"]
    else:
        X, y, _ = read_labelled(file)
        answers = _nearest(X, candidates)
    # A list of numbers is read as text.
    _show(evaluate_entities(y.astype(str), answers.astype(str), columns["split"], known).as_dict(), as_json)


def _table(y, classes: Path | None, columns, model: str, templates: str | None, device: str) -> ClassTable:
    import numpy as np

    from zorse.core.errors import InputError
    from zorse.data.labelled import read_classes

    if classes is not None:
        table = read_classes(classes)
        table.rows(y)  # a label without a class is an error that names it
        return table.select(np.unique(y))
    from zorse.encoders import load_encoder
    from zorse.semantics import class_table

    encoder: Any = load_encoder(model, device=device)
    made_by = str(columns.get("fingerprint", encoder.fingerprint))
    if made_by != encoder.fingerprint:
        raise InputError(f"the vectors were made by {columns['model']!s}, not by {model}; pass --model or --classes")
    return class_table(np.unique(y), encoder, templates=templates)


def _same_space(X, table: ClassTable, file: Path) -> None:
    from zorse.core.errors import InputError

    if X.shape[1] != table.n_semantics:
        raise InputError(f"vectors of {file} have {X.shape[1]} numbers, class vectors {table.n_semantics}")


def _nearest(X, candidates: Path):
    import numpy as np

    from zorse.data import stream_tables
    from zorse.data.labelled import read_classes
    from zorse.evaluation import top_k_streamed
    from zorse.nn.vectors import cosine

    streamed = candidates.suffix.lower() == ".parquet"
    tables = stream_tables(candidates) if streamed else [read_classes(candidates)]

    def scores(X, table):
        _same_space(X, table, candidates)
        return cosine(X, table.vectors)

    return top_k_streamed(scores, np.asarray(X, dtype=np.float64), tables, k=1).labels[:, 0]


def _pairs(path: Path):
    import numpy as np

    from zorse.core.errors import InputError
    from zorse.semantics.files import read_lines

    rows = []
    for number, line in read_lines(path):
        parts = line.replace(",", " ").split()
        if len(parts) != 3 or not all(part.isdecimal() for part in parts) or parts[2] not in ("0", "1"):
            raise InputError(f"{path}, line {number}: expected two row numbers and 0 or 1; got {line[:40]!r}")
        rows.append([int(part) for part in parts])
    if not rows:
        raise InputError(f"{path} has no pairs")
    table = np.array(rows)
    return table[:, :2], table[:, 2] == 1


def _shares(text: str) -> list[float]:
    from zorse.core.errors import InputError

    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(f'--poison takes numbers from 0 to 1, such as "0.1, 0.5"; got {text!r}') from None


def _show(figures: dict[str, float], as_json: bool) -> None:
    from zorse.cli.terminal import percent, print_table

    if as_json:
        typer.echo(json.dumps({k: None if math.isnan(v) else v for k, v in figures.items()}, indent=1))
        return
    rows = [[name, percent(value)] for name, value in figures.items() if not math.isnan(value)]
    print_table(["figure", "value"], rows, right=["value"])
