"""``zorse datasets``: data sets that others publish, and tasks of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from zorse.cli.options import JSON

if TYPE_CHECKING:
    from zorse.data import ZeroShotTask

app = typer.Typer(help="Fetch data sets, pack and check tasks.", no_args_is_help=True)
_NAME = typer.Argument(..., metavar="NAME", help="As zorse datasets list has it.")


@app.command("list")
def list_(as_json: bool = JSON) -> None:
    """List data sets that can be fetched."""
    from zorse.cli.terminal import print_table
    from zorse.data.datasets import DATASETS, as_dict

    if as_json:
        typer.echo(json.dumps([as_dict(known) for known in DATASETS.values()], indent=1))
        return
    rows = []
    for known in DATASETS.values():
        train, seen, unseen = known.sizes[2:] if known.sizes else (None, None, None)
        samples = None if train is None else f"{train:,} + {seen:,} + {unseen:,}"
        kind = "task" if known.is_task else "images"
        rows.append([known.name, kind, known.what, samples, known.archive.name, "yes" if known.is_here else ""])
    columns = ["name", "kind", "what", "train + test seen + unseen", "archive", "here"]
    print_table(columns, rows, right=["train + test seen + unseen"])
    typer.echo("zorse datasets info NAME tells addresses, terms and checksums. Fetched tasks go by name: --task AWA2.")


@app.command()
def info(name: str = _NAME, as_json: bool = JSON) -> None:
    """Say where a data set is from, on what terms, and how it is checked."""
    from zorse.data.datasets import as_dict, find_dataset

    known = as_dict(find_dataset(name))
    if as_json:
        typer.echo(json.dumps(known, indent=1))
        return
    typer.echo(f"{known['name']}: {known['what']}")
    size = f"{known['bytes']:,} bytes" if known["bytes"] else "none published"
    lines = {"page": known["page"], "address": known["url"], "size": size}
    lines |= {"checksum": known["checksum"] or "none published", "verified": known["checked_by"]}
    lines |= {"terms": known["terms"], "cache": known["path"] + ("" if known["is_here"] else " (not there yet)")}
    if known["sizes"]:
        lines["classes"] = "{classes}, {unseen_classes} of them unseen".format(**known["sizes"])
        lines["samples"] = "{train:,} train, {test_seen:,} seen and {test_unseen:,} unseen test".format(
            **known["sizes"]
        )
    for what, told in lines.items():
        typer.echo(f"  {what:<9} {told}")


@app.command()
def get(
    name: str = _NAME,
    source: Path = typer.Option(None, "--from", help="The archive, where it is at hand; nothing is fetched."),
    again: bool = typer.Option(False, "--again", help="Unpack anew what is there."),
    as_json: bool = JSON,
) -> None:
    """Fetch a data set into the cache (ZORSE_CACHE).

    An interrupted download goes on where it stopped.
    Size and checksum are compared with what is published; a file that differs is removed.
    """
    from zorse.cli.terminal import Progress, note
    from zorse.data.datasets import find_dataset, get_dataset

    known = find_dataset(name)
    progress = Progress(unit="MB")

    def tell(what: str, done: int, total: int | None) -> None:
        progress.total = total and total // 10**6
        progress(done // 10**6)

    if source is None and (again or not known.is_here):
        note(f"{known.archive.url}\nterms: {known.archive.terms} ({known.archive.page})")
    try:
        progress.start()
        path = get_dataset(name, source=source, again=again, progress=tell)
    except KeyboardInterrupt:
        progress.clear()
        note("interrupted; the same command goes on from there")
        raise typer.Exit(130) from None
    finally:
        progress.clear()
    if as_json:
        typer.echo(json.dumps({"name": known.name, "path": str(path)}, indent=1))
    else:
        typer.echo(path)


@app.command()
def pack(
    source: str = typer.Argument(None, metavar="[TASK]", help="A named task, a bundle, a folder with res101.mat."),
    out: Path = typer.Option(..., "--out", "-o", help="A name that ends in .npz, or a folder for Parquet files."),
    features: Path = typer.Option(None, "--features", help=".npy, or .npz as zorse embed writes it."),
    labels: Path = typer.Option(None, "--labels", help="One a line, .json or .npy; else the folders embed noted."),
    vectors: list[Path] = typer.Option(None, "--vectors", help="Class vectors, .csv, .tsv or .npy; again for more."),
    classes: Path = typer.Option(None, "--classes", help="Labels of the rows of .npy class vectors."),
    unseen: Path = typer.Option(None, "--unseen", help="Labels of the unseen classes, one a line."),
    held_out: float = typer.Option(0.2, "--held-out", help="Share of each seen class that is for testing."),
    random_state: int = typer.Option(0, "--random-state", help="Draws the held-out samples."),
    split: Path = typer.Option(None, "--split", help="Instead of --unseen: JSON {train, test_seen, test_unseen}."),
    name: str = typer.Option(None, "--name", help="Shown in reports."),
    as_json: bool = JSON,
) -> None:
    """Write a task as a bundle: a task that exists, or one put together from files."""
    from dataclasses import replace

    from zorse.core.errors import InputError
    from zorse.data import ZeroShotTask, save_bundle
    from zorse.jobs.pack import task_from_files

    if (source is None) == (features is None):
        raise InputError("give a TASK or --features, and not both")
    if source is not None:
        from zorse.benchmark.tasks import load_task

        task = load_task(source)
        if not isinstance(task, ZeroShotTask):
            raise InputError(f"{source} is a {type(task).__name__}; a bundle holds features, labels and a split")
        task = task if name is None else replace(task, name=name)
    else:
        options: dict[str, Any] = {"labels": labels, "classes": classes, "unseen": unseen, "split": split}
        options |= {"held_out": held_out, "random_state": random_state, "name": name or out.stem}
        task = task_from_files(features, vectors or [], **options)
    save_bundle(task, out)
    told = _summary(task) | {"path": str(out)}
    typer.echo(json.dumps(told, indent=1) if as_json else _line(told) + f" -> {out}")


@app.command()
def check(
    source: str = typer.Argument(..., metavar="TASK", help="A bundle, a folder with res101.mat, or a named task."),
    as_json: bool = JSON,
) -> int:
    """Name every defect of a task, one a line, and then what is worth a look.

    The exit code is 1 if there is a defect. Rows are counted from 0.
    """
    from zorse.benchmark.tasks import load_task
    from zorse.cli.terminal import counted, note
    from zorse.core.errors import InputError
    from zorse.data import ZeroShotTask
    from zorse.data.bundle import parts_of
    from zorse.data.defects import defects, remarks
    from zorse.data.files import read_parts

    held = read_parts(source)
    if held is not None:
        parts, unread = held
        found = defects(parts, unread)
    else:
        task = load_task(source)
        if not isinstance(task, ZeroShotTask):
            raise InputError(f"{source} is a {type(task).__name__}; what is checked is features, labels and a split")
        parts = parts_of(task)
        found = defects(parts)
    worth = remarks(parts) if not found else []
    if as_json:
        typer.echo(json.dumps({"defects": found, "remarks": worth}, indent=1, ensure_ascii=False))
        return 1 if found else 0
    for line in found:
        typer.echo(line)
    for line in worth:
        typer.echo(f"remark: {line}")
    note(counted(len(found), "defect") if found else f"{source}: no defect")
    return 1 if found else 0


def _summary(task: ZeroShotTask) -> dict[str, Any]:
    return {
        "name": task.name,
        "samples": len(task.y),
        "features": "x".join(map(str, task.X.shape[1:])),
        "classes": task.classes.n_classes,
        "unseen_classes": len(task.unseen),
        "train": len(task.train_index),
        "test_seen": len(task.test_seen_index),
        "test_unseen": len(task.test_unseen_index),
    }


def _line(told: dict[str, Any]) -> str:
    return (
        "{name}: {samples:,} x {features} features, {classes} classes, {unseen_classes} unseen; "
        "{train:,} train, {test_seen:,} + {test_unseen:,} test".format(**told)
    )
