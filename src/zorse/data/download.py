"""A file from an address, whole and as published: goes on where it broke off, and is checked at the end."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import json
import os
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from zorse.core.errors import InputError, NotAvailableError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_BLOCK = 1 << 20
_SPARE = 64 << 20  # bytes that a disk keeps free
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)

Progress = Callable[[int, "int | None"], None]
"""Told the bytes that are there and how many there will be."""


def cache_folder() -> Path:
    """Where downloads are kept: ``ZORSE_CACHE``, else ``zorse`` in the platform's folder for caches."""
    if asked := os.environ.get("ZORSE_CACHE"):
        return Path(asked).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "zorse"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "zorse" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zorse"


def download(
    url: str,
    path: str | Path,
    *,
    size: int | None = None,
    checksum: str | None = None,
    progress: Progress | None = None,
    retries: int = 5,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> Path:
    """Fetch ``url`` to ``path``.

    What arrives is kept as ``path.part``; a second call goes on from there, if the server can and still has the same
    file, and begins anew otherwise.

    Parameters
    ----------
    url : str
        http or https.
    path : path
        Its folder is made.
    size : int, optional
        Bytes, where they are published.
    checksum : str, optional
        "md5:..." or "sha256:...", where it is published.
    progress : callable (done, total), optional
        Called after every block; bytes.
    retries : int
        Attempts in a row that bring nothing before it gives up.
    pause : float
        Seconds before the second attempt; doubled each time.
    timeout : float
        Seconds without a byte after which a connection counts as broken.

    Raises
    ------
    NotAvailableError
        If the server does not give it, the connection stays broken (what came is kept), there is no room, or another
        process is at it.
    InputError
        If it is not what is published; it is removed.
    """
    path = Path(path)
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url} is no http or https address")
    part, note = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file, _alone(file, part):
            _fetch(url, file, note, size, checksum is not None, progress, retries, pause, timeout)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NotAvailableError(
                f"no room left on the disk of {path.parent}; what came is kept in {part}"
            ) from error
        raise NotAvailableError(f"cannot write {part}: {error.strerror or error}") from error
    try:
        check_file(part, size, checksum)
    except InputError as error:
        part.unlink()
        note.unlink(missing_ok=True)
        raise InputError(f"{url} is not what is published and was removed: {error}") from error
    part.replace(path)
    note.unlink(missing_ok=True)
    return path


def check_file(path: str | Path, size: int | None = None, checksum: str | None = None) -> None:
    """Refuse a file that is not as long, or has not the checksum, that is expected.

    Raises
    ------
    InputError
        It tells both.
    """
    path = Path(path)
    held = path.stat().st_size
    if size is not None and held != size:
        raise InputError(f"{path.name} has {held:,} bytes, expected {size:,}")
    if checksum is not None:
        kind, _, expected = checksum.partition(":")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
        if found != expected.lower():
            raise InputError(f"{path.name} has {kind} {found}, expected {expected.lower()}")


def check_room(folder: Path, n_bytes: int) -> None:
    """Refuse what the disk cannot hold, before it is begun.

    Raises
    ------
    NotAvailableError
    """
    free = shutil.disk_usage(folder).free
    if n_bytes + _SPARE > free:
        raise NotAvailableError(
            f"no room in {folder}: {n_bytes / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free"
        )


def _fetch(
    url: str,
    file: Any,
    note: Path,
    size: int | None,
    checked: bool,
    progress: Progress | None,
    retries: int,
    pause: float,
    timeout: float,
) -> None:
    """Attempts until the file is whole."""
    failed = 0
    while True:
        before = file.tell()
        try:
            if _attempt(url, file, note, size, checked, progress, timeout):
                return
            reason = "the connection broke off"
        except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            reason = str(error) or type(error).__name__
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"{error.code} {error.reason}"
            if error.code not in _TRANSIENT:
                raise NotAvailableError(f"{url} cannot be had: the server answers {reason}") from error
        except urllib.error.URLError as error:
            reason = str(getattr(error.reason, "strerror", None) or error.reason)
        failed = failed + 1 if file.tell() <= before else 0
        if failed >= max(1, retries):
            kept = f"; {file.tell():,} bytes are kept, the same call goes on from there" if file.tell() else ""
            raise NotAvailableError(f"{url} cannot be had: {reason}{kept}")
        time.sleep(pause * 2 ** max(0, failed - 1))


def _attempt(
    url: str, file: Any, note: Path, size: int | None, checked: bool, progress: Progress | None, timeout: float
) -> bool:
    """One connection; whether the file is whole after it."""
    file.seek(0, os.SEEK_END)
    mark = _read_note(note, url)
    if mark is None or not (mark or checked):  # nothing would tell that the rest is of another file
        file.truncate(0)
    start = file.seek(0, os.SEEK_END)
    total: int | None = None
    request = urllib.request.Request(url, headers={"User-Agent": "zorse", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if mark:
            request.add_header("If-Range", mark)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing after what is there: it is whole, or not of this file
            whole = error.headers.get("Content-Range", "").rpartition("/")[2]
            error.close()
            if whole.isdecimal() and int(whole) == start:
                return True
            file.truncate(0)
            return False
        raise
    with response:
        told = response.headers.get("Content-Range", "")
        if response.status == 206 and told.startswith(f"bytes {start}-") and told.rpartition("/")[2].isdecimal():
            total = int(told.rpartition("/")[2])
        elif response.status == 200:
            file.truncate(0)
            start = 0
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
        else:
            raise NotAvailableError(f"{url} cannot be had: the server answers {response.status} {told}".rstrip())
        if total is not None and size is not None and total != size:
            raise NotAvailableError(f"{url} has {total:,} bytes, published are {size:,}; it is another file")
        _write_note(note, url, response.headers)
        check_room(note.parent, (total or size or 0) - start)
        done = file.seek(0, os.SEEK_END)
        while block := response.read(_BLOCK):
            file.write(block)
            done += len(block)
            if progress is not None:
                progress(done, total or size)
        file.flush()
    # Without a length the end of the answer is the end of the file; a broken chunked answer raises by itself.
    return total is None or done == total


def _read_note(note: Path, url: str) -> str | None:
    """What marks the file of which a part is there, an ETag or a date, or ""; None if it is not of this address."""
    try:
        held = json.loads(note.read_text("utf-8"))
        return str(held["mark"]) if held["url"] == url else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_note(note: Path, url: str, headers: Any) -> None:
    tag = headers.get("ETag", "")
    # A weak tag does not promise the same bytes, and a server must not go on from it (RFC 9110, 13.1.5).
    mark = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
    note.write_text(json.dumps({"url": url, "mark": mark}), "utf-8")


@contextlib.contextmanager
def _alone(file: Any, part: Path) -> Iterator[None]:
    """No other process writes to the same part meanwhile."""
    if fcntl is None:
        yield
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise NotAvailableError(f"another process is downloading {part}") from error
    yield  # closing the file gives the lock back
