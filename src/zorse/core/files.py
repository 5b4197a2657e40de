"""Files that are either whole or not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zorse.core.errors import NotAvailableError


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary sibling of ``path``; it takes the name when the block ends well, and is removed otherwise.

    Raises
    ------
    NotAvailableError
        If the folder does not exist or can't be written, or the disk is full.
    """
    path = Path(path)
    scratch = scratch_beside(path)
    try:
        yield scratch
        with scratch.open("rb+") as file:
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        raise NotAvailableError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        scratch.unlink(missing_ok=True)


def scratch_beside(path: Path) -> Path:
    """A hidden sibling of ``path`` for this process; what killed processes have left of theirs is removed."""
    for left in leftovers(path, "partial"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with suppress(OSError):
                left.unlink()
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def leftovers(path: Path, word: str) -> list[Path]:
    """Siblings of ``path`` that processes made which have ended, ``.NAME.PID.WORD``."""
    begins, ends = f".{path.name}.", f".{word}"
    try:
        names = [entry.name for entry in os.scandir(path.parent) if entry.name.startswith(begins)]
    except OSError:
        return []
    of = {name: name.removeprefix(begins).removesuffix(ends) for name in names if name.endswith(ends)}
    return [path.with_name(name) for name, pid in of.items() if pid.isdecimal() and _ended(int(pid))]


def _ended(pid: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is no question
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
