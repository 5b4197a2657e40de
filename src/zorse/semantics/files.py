"""Reading label, template and description files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zorse.core.errors import InputError


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises
    ------
    InputError
        If there is no such file, it can't be read, or it is not UTF-8.
    """
    path = Path(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_lines(path: str | Path) -> list[tuple[int, str]]:
    """Line number, from 1, and trimmed text of every line that is not blank.

    Raises
    ------
    InputError
        As :func:`read_text`; also if the file holds JSON, which is read only from files named ``.json``.
    """
    text = read_text(path)
    if text.lstrip().startswith(("[", '{"')):
        raise InputError(f"{path} looks like JSON; name it .json to have it read as such")
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def label_lines(path: str | Path) -> Iterator[str]:
    """Trimmed text of every line that is not blank, as :func:`read_lines`, one after the other: the file may be large.

    Raises
    ------
    InputError
        As :func:`read_lines`.
    """
    try:
        with Path(path).open("rb") as file:
            for number, raw in enumerate(file, 1):
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise InputError(f"{path} is not UTF-8 text (line {number})") from error
                if number == 1 and text.lstrip().startswith(("[", '{"')):
                    raise InputError(f"{path} looks like JSON; name it .json to have it read as such")
                yield from (line.strip() for line in text.splitlines() if line.strip())
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_json(path: str | Path) -> Any:
    """The value in a JSON file.

    Raises
    ------
    InputError
        As :func:`read_text`; also if it is not JSON, with line and column, or an object has a key twice.
    """
    text = read_text(path)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InputError(f"{path} has the key {key!r} twice")
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply") from error


def kind_of(value: Any) -> str:
    """What people call a JSON value, for messages."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), f"a number ({value})")
