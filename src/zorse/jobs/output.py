"""Predictions on disk, written as they come: whole under their name, or set aside if the run breaks off."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from zorse.core.errors import InputError, NotAvailableError
from zorse.core.files import atomic_path

if TYPE_CHECKING:
    from zorse.jobs.classification import Prediction

PAIRS = ("top", "groups", "branch", "because")  # columns that hold names with figures
SUFFIXES = (".csv", ".jsonl", ".parquet")
_BLOCK = 1024  # rows of a Parquet row group; bounds what is held in memory


def check_writable(path: str | Path, suffixes: tuple[str, ...] = SUFFIXES) -> Path:
    """Find out before the work, not after it, whether ``path`` can be written.

    Raises
    ------
    InputError
        If the suffix is none of ``suffixes``, or the path is a folder.
    NotAvailableError
        If its folder does not exist or can't be written.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"cannot tell the format of {str(path)!r}; expected a name that ends in {', '.join(suffixes)}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise NotAvailableError(f"cannot write {path}: the folder {path.parent} does not exist")
    probe = path.with_name(f".{path.name}.probe")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise NotAvailableError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def set_aside(path: str | Path) -> Path:
    """Where the rows of a run that broke off are kept: ``x.csv`` -> ``x.interrupted.csv``."""
    path = Path(path)
    return path.with_name(f"{path.stem}.interrupted{path.suffix}")


@contextmanager
def open_output(path: str | Path, more: Sequence[str] = ()) -> Iterator[Callable[[Prediction], None]]:
    """Yield a function that writes one prediction, with the further columns ``more``.

    The file takes its name when the block ends; what was there before stays until then. If the block raises,
    the rows written so far are kept as :func:`set_aside` says, and the error goes on.
    """
    path = check_writable(path)
    kinds = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
    with atomic_path(path) as scratch:
        rows = 0
        try:
            with kinds[path.suffix.lower()](scratch, more) as write:

                def counted(row: Prediction) -> None:
                    nonlocal rows
                    write(row)
                    rows += 1

                yield counted
        except BaseException as error:
            # Finished work is never lost; nor does half a table take the place of a whole one.
            if rows and scratch.exists():
                scratch.replace(set_aside(path))
                error.add_note(f"the rows so far are in {set_aside(path)}")
            raise
    set_aside(path).unlink(missing_ok=True)  # of an earlier run; the whole table holds its rows


def print_json_line(file: IO[str], row: Prediction, more: Sequence[str] = ()) -> None:
    """Write one JSON Lines row."""
    line = json.dumps(row.as_dict(more), ensure_ascii=False)
    # A file name that is not UTF-8 becomes an escape, which JSON reads back as it was.
    file.write(line.encode("utf-8", "backslashreplace").decode() + "\n")


@contextmanager
def _write_jsonl(path: Path, more: Sequence[str]) -> Iterator[Callable[[Prediction], None]]:
    with _text(path) as file:
        yield lambda row: print_json_line(file, row, more)


@contextmanager
def _write_csv(path: Path, more: Sequence[str]) -> Iterator[Callable[[Prediction], None]]:
    with _text(path) as file:
        writer: Any = None

        def write(row: Prediction) -> None:
            nonlocal writer
            record = row.as_dict(more)
            if writer is None:
                writer = csv.DictWriter(file, list(record))
                writer.writeheader()
            lists = {name: json.dumps(v, ensure_ascii=False) for name, v in record.items() if isinstance(v, list)}
            writer.writerow(record | lists)

        yield write


@contextmanager
def _write_parquet(path: Path, more: Sequence[str]) -> Iterator[Callable[[Prediction], None]]:
    import pyarrow.parquet as pq

    block: list[Prediction] = []
    writer: Any = None

    def flush() -> None:
        nonlocal writer
        if block:
            table = arrow_table(block, more)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            block.clear()

    def write(row: Prediction) -> None:
        block.append(row)
        if len(block) == _BLOCK:
            flush()

    try:
        yield write
    finally:
        flush()
        if writer is not None:
            writer.close()


def arrow_table(rows: list[Prediction], more: Sequence[str] = ()):
    """The rows as a ``pyarrow.Table``; ``top`` and its like are lists of structs."""
    import pyarrow as pa

    pairs = pa.list_(pa.struct([("label", pa.string()), ("score", pa.float64())]))
    columns = {"path": pa.string(), "label": pa.string(), "score": pa.float64(), "top": pairs, "error": pa.string()}
    kinds = {"answers": pa.list_(pa.string()), "known": pa.float64(), "truth": pa.string()}
    columns |= {name: kinds.get(name, pairs) for name in more}
    data: dict[str, list] = {name: [getattr(row, name) for row in rows] for name in columns}
    # Arrow strings are UTF-8; a file name need not be.
    for name in ("path", "truth") if "truth" in more else ("path",):
        data[name] = [text and text.encode("utf-8", "backslashreplace").decode() for text in data[name]]
    for name in PAIRS:
        if name in data:
            data[name] = [v if v is None else [{"label": told, "score": p} for told, p in v] for v in data[name]]
    return pa.table(data, schema=pa.schema(columns))


def _text(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
