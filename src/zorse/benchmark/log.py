"""The log of a benchmark: one JSON object a line, one line a finished cell; it outlives whatever kills a run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from zorse.core import InputError, NotAvailableError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """The lines of a log, the last one of a key standing for all; a torn last line is left out.

    Raises
    ------
    NotAvailableError
        If the file can't be read.
    InputError
        If a line is not one that ``zorse bench`` writes; it names the line.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise NotAvailableError(f"cannot read {path}: {error.strerror or error}") from error
    whole, _, _torn = content.rpartition(b"\n")
    found: dict[str, dict] = {}
    for number, line in enumerate(whole.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            cell = json.loads(line)
            found.pop(cell["key"], None)
            found[cell["key"]] = cell
            if cell["status"] == "ok":
                cell["figures"]["zsl"]
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}, line {number} is no line of zorse bench: {error!r}") from error
    return list(found.values())


class Log:
    """A log to add lines to; only one process can hold it.

    Raises
    ------
    NotAvailableError
        If the file can't be written, or another run is writing to it.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            self.file = self.path.open("ab+")
        except OSError as error:
            raise NotAvailableError(f"cannot write {path}: {error.strerror or error}") from error
        if fcntl is not None:
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                self.file.close()
                raise NotAvailableError(f"another run is writing to {path}") from error
        self._mend()

    def _mend(self) -> None:
        """Cut off what a killed run has left of a line."""
        self.file.seek(0)
        content = self.file.read()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            self.file.truncate(end)

    def add(self, line: dict[str, Any]) -> None:
        """Write one line, down to the disk."""
        try:
            self.file.write(json.dumps(line, ensure_ascii=False, allow_nan=False).encode() + b"\n")
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:
            raise NotAvailableError(f"cannot write {self.path}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.file.close()
