"""Folders that are either whole or as they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zorse.core.errors import InputError, NotAvailableError
from zorse.core.files import leftovers, scratch_beside


def check_folder(out: Path, what: str, ours: bool) -> None:
    """Refuse a folder that can't take ``what``, before any work is done.

    Parameters
    ----------
    out : Path
    what : str
        Such as "an adapted model", for the message.
    ours : bool
        Whether it holds one already, which may be replaced.

    Raises
    ------
    InputError
        If it is a file, or holds something else.
    NotAvailableError
        If it can't be written.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give the name of a folder")
    if out.is_dir() and any(out.iterdir()) and not ours:
        raise InputError(f"{out} holds something else than {what}; give a new or empty folder")
    above = next(parent for parent in out.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise NotAvailableError(f"cannot write {out}: {above} can't be written")


@contextmanager
def atomic_folder(out: Path) -> Iterator[Path]:
    """Yield a new sibling of ``out``, which takes its place when the block ends well; the old one stays otherwise.

    Raises
    ------
    NotAvailableError
        If it can't be written, or the disk is full.
    """
    for left in leftovers(out, "old"):  # of a process that was killed between the two renamings
        if out.exists():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.rename(out)
    scratch, old = scratch_beside(out), out.with_name(f".{out.name}.{os.getpid()}.old")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        yield scratch
        if out.exists():
            out.rename(old)
        scratch.rename(out)
    except OSError as error:
        raise NotAvailableError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if old.exists() and not out.exists():
            old.rename(out)
        shutil.rmtree(old, ignore_errors=True)
