"""A small labelled sample: images whose labels are known, to calibrate by."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zorse.core.errors import InputError, UnknownNameError
from zorse.jobs.truth import Truth
from zorse.semantics.files import read_text

PATHS, _LABELS = ("path", "image", "file", "filename"), ("label", "labels", "truth", "class")


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


def named(names: Iterable[str]) -> str:
    """The first eight of some names, and how many more there are."""
    names = list(names)
    return ", ".join(names[:8]) + (f" and {len(names) - 8:,} more" if len(names) > 8 else "")


def _read_csv(path: Path) -> dict[str, str]:
    rows = list(csv.DictReader(read_text(path).splitlines()))
    columns = {name.strip().lower(): name for name in (rows[0] if rows else {}) if name}
    at = next((columns[name] for name in PATHS if name in columns), None)
    said = next((columns[name] for name in _LABELS if name in columns), None)
    if at is None or said is None:
        found = ", ".join(columns) or "nothing"
        raise InputError(f"{path} has the columns {found}; expected path and label, in a first line")
    shows: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        if not row[at] or row[said] is None:
            raise InputError(f"{path}, line {number} lacks a path or a label")
        image = Path(row[at].strip())
        key, label = str(image if image.is_absolute() else path.parent / image), row[said].strip()
        if shows.setdefault(key, label) != label:
            raise InputError(f"{path}, line {number}: {row[at]} is labelled {label!r}, and {shows[key]!r} before")
    return shows
