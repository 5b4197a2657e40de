"""The names to tell apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from zorse.core.errors import InputError
from zorse.semantics.files import kind_of, read_json, read_lines


def parse_labels(text: str) -> list[str]:
    """Labels from ``"cat, dog, polar bear"``; a comma at the end does no harm.

    Raises
    ------
    InputError
        As :func:`check_labels`.
    """
    return check_labels([label for label in text.split(",") if label.strip()])


def read_labels(path: str | Path) -> list[str]:
    """Labels from a file: a JSON list if its name ends in ``.json``, else one label a line.

    A label in a file may contain commas. Blank lines are skipped.

    Raises
    ------
    InputError
        As :func:`check_labels`; also if the file is missing, not UTF-8, or not a list of texts.
    """
    if Path(path).suffix.lower() != ".json":
        return check_labels([line for _, line in read_lines(path)], source=str(path))
    value = read_json(path)
    if not isinstance(value, list):
        raise InputError(f"{path} holds {kind_of(value)}; expected a list of labels")
    return check_labels(value, source=str(path))


def check_labels(labels: Sequence[str], *, source: str = "the labels") -> list[str]:
    """The labels, trimmed; at least two, none twice.

    Parameters
    ----------
    labels : sequence of str
    source : str
        What the message of an error calls them.

    Raises
    ------
    InputError
        If there is none or only one, one is blank or no text, or two are the same but for case, underscores and spaces.
    """
    for at, label in enumerate(labels, 1):
        if not isinstance(label, str):
            raise InputError(f"label {at} of {source} is {kind_of(label)}; expected a text")
    trimmed = [label.strip() for label in labels]
    if not trimmed:
        raise InputError(f"no labels in {source}; give at least two, such as cat, dog")
    first: dict[str, str] = {}
    for at, label in enumerate(trimmed, 1):
        if not label:
            raise InputError(f"label {at} of {source} is blank")
        name = same_name(label)
        if name in first:
            raise InputError(
                f"duplicate label in {source}: {label!r}"
                + (f" and {first[name]!r} differ only in case, underscores or spaces" if first[name] != label else "")
            )
        first[name] = label
    if len(trimmed) == 1:
        hint = "; a file has one label a line" if "," in trimmed[0] else ""
        raise InputError(f"only one label in {source}: {trimmed[0]!r}; give at least two to choose between{hint}")
    return trimmed


def same_name(name: str) -> str:
    """A form that two spellings of one name share: case, underscores, runs of spaces and Unicode composition go."""
    return " ".join(unicodedata.normalize("NFC", name).replace("_", " ").casefold().split())
