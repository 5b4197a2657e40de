"""A small labelled sample: images whose labels are known, to calibrate by."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zorse.core.errors import InputError, UnknownNameError
from zorse.jobs.truth import Truth
from zorse.semantics.files import read_text

_PATHS, _LABELS = ("path", "image", "file", "filename"), ("label", "labels", "truth", "class")


def read_sample(source: Any, labels: Iterable[str]) -> tuple[Any, Callable[[str, str | None], tuple[str, ...] | None]]:
    """Images for :func:`zorse.jobs.embed_stream`, and what each of them shows.

    Parameters
    ----------
    source : path or mapping
        A folder (or anything else that images come from) whose folders are named after labels; a ``.csv`` with the
        columns path and label, relative paths beginning where the file is; or a dict of path to label. Several labels
        of one image are parted by ``;`` in a file, and a list in a dict.
    labels : iterable of str

    Returns
    -------
    images : Any
    label_of : callable
        (key, folder) -> the labels of an image; None where the folder's name is no label.

    Raises
    ------
    InputError
        If the file has other columns or names no image.
    UnknownNameError
        If a row of a file or dict has a label that is not among ``labels``.
    """
    labels = tuple(labels)
    known = Truth(labels, "folder")
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".csv":
        source = _read_csv(Path(source))
    elif not isinstance(source, Mapping):
        return source, lambda key, folder: (said,) if (said := known(key, folder)) in labels else None
    told: dict[str, tuple[str, ...]] = {}
    for path, said in source.items():
        several = [part for part in (said.split(";") if isinstance(said, str) else said) if part.strip()]
        told[str(path)] = tuple(str(known(str(path), part.strip())) for part in several)
        for label in told[str(path)]:
            if label not in labels:
                raise UnknownNameError("label", label, labels, f"({path} in the labelled sample)")
    if not told:
        raise InputError("the labelled sample is empty")
    return list(told), lambda key, folder: told.get(key)


def nothing_labelled(labels: Sequence[str], strangers: Mapping[str, int], unread: int = 0) -> str:
    """Why no image of a sample can be learned from: the names that are no labels, the labels, what can't be read."""
    told = "the labelled sample has no image that could be read and whose label is among the labels"
    if strangers:
        told += f": its images are called {named(strangers)}, the labels are {named(labels)}"
    return told + (f"; {unread:,} could not be read" if unread else "")


def named(names: Iterable[str], most: int = 8) -> str:
    """The first of some names, and how many more there are."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def read_rows(path: Path) -> tuple[list[str], list[tuple[str, dict[str, str | None]]]]:
    """Columns of a table in small letters, and of each row the image that it names ("" if none) and its cells.

    Relative paths begin where the file is. A cell that a short row lacks is None.
    """
    rows = [
        {name.strip().lower(): cell and cell.strip() for name, cell in row.items() if name}
        for row in csv.DictReader(read_text(path).splitlines())
    ]
    columns = list(rows[0]) if rows else []
    at = next((name for name in _PATHS if name in columns), "")
    return columns, [(str(path.parent / place) if (place := row.get(at)) else "", row) for row in rows]


def _read_csv(path: Path) -> dict[str, str]:
    columns, rows = read_rows(path)
    said = next((name for name in _LABELS if name in columns), None)
    if said is None or not any(name in columns for name in _PATHS):
        found = ", ".join(columns) or "nothing"
        raise InputError(f"{path} has the columns {found}; expected path and label, in a first line")
    shows: dict[str, str] = {}
    for number, (image, row) in enumerate(rows, 2):
        if not image or (label := row[said]) is None:
            raise InputError(f"{path}, line {number} lacks a path or a label")
        if shows.setdefault(image, label) != label:
            raise InputError(f"{path}, line {number}: {image} is labelled {label!r}, and {shows[image]!r} before")
    return shows
