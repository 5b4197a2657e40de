"""The table behind an index: one row an image, in LanceDB, with the name of the encoder that made it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.errors import InputError, MissingDependencyError, NotAvailableError
from zorse.jobs.folder import check_folder

FORMAT = 1
NAME = "images"
COLUMNS = ("path", "digest", "bytes", "modified", "source", "folder", "labels", "caption", "encoder", "embedding")
SHOWN = ("path", "digest", "bytes", "folder", "labels", "caption")
_FRESH = timedelta(seconds=5)  # a reader notices what another process wrote after this long


@dataclass(frozen=True)
class About:
    """What is known about a table beside its rows.

    ``probes`` of ``lists`` inverted lists are looked into, which found ``recall`` of the ten nearest rows when
    ``trained`` rows were there; 0 lists means that every row is compared.
    """

    model: str
    fingerprint: str
    text_fingerprint: str
    dim: int
    format: int = FORMAT
    lists: int = 0
    probes: int = 0
    trained: int = 0
    recall: dict[str, float] = field(default_factory=dict)


def location(index: str | os.PathLike) -> str:
    """Where an index lies: an address (``s3://...``) as it is, a folder as an absolute path."""
    text = os.fspath(index)
    return text if "://" in text else str(Path(text).expanduser().absolute())


def is_local(where: str) -> bool:
    """Whether an index lies in a folder of this machine."""
    return "://" not in where


def open_table(index: str | os.PathLike) -> Any:
    """The table of an index.

    Raises
    ------
    InputError
        If there is none, or it is not one that ``zorse index`` made.
    NotAvailableError
        If its files are damaged.
    """
    where = location(index)
    # LanceDB would make the folder.
    if is_local(where) and not (Path(where) / f"{NAME}.lance").is_dir():
        raise InputError(f"{index} holds no index; zorse index SOURCE --index {index} makes one")
    with told(where):
        database = _lancedb().connect(where, read_consistency_interval=_FRESH)
        try:
            table = database.open_table(NAME)
        except ValueError as error:
            if "not found" not in str(error):
                raise
            raise InputError(f"{index} holds no index; zorse index SOURCE --index {index} makes one") from error
        about(table)
    return table


def exists(index: str | os.PathLike) -> bool:
    """Whether there is a table at all."""
    where = location(index)
    if is_local(where):
        return (Path(where) / f"{NAME}.lance" / "_versions").is_dir()
    with told(where):
        try:
            _lancedb().connect(where).open_table(NAME)
        except ValueError:
            return False
    return True


def create_table(index: str | os.PathLike, of: About) -> Any:
    """An empty table for vectors of one encoder."""
    import pyarrow as pa

    told_of = {key: value for key, value in asdict(of).items() if key in _FIXED}
    schema = pa.schema(
        [
            pa.field("path", pa.string(), nullable=False),
            pa.field("digest", pa.string(), nullable=False),
            pa.field("bytes", pa.int64()),
            pa.field("modified", pa.int64()),
            pa.field("source", pa.string()),
            pa.field("folder", pa.string()),
            pa.field("labels", pa.list_(pa.string())),
            pa.field("caption", pa.string()),
            pa.field("encoder", pa.string(), nullable=False),
            pa.field("embedding", pa.list_(pa.float32(), of.dim), nullable=False),
        ],
        metadata={"zorse": json.dumps(told_of)},
    )
    where = location(index)
    with told(where):
        return _lancedb().connect(where).create_table(NAME, schema=schema)


_FIXED = ("model", "fingerprint", "text_fingerprint", "dim", "format")


def about(table: Any) -> About:
    """What :func:`create_table` and :func:`remember` wrote."""
    schema = table.schema
    try:
        known = json.loads((schema.metadata or {})[b"zorse"])
        if known["format"] != FORMAT:
            raise InputError(f"the index has format {known['format']}; this version of Zorse reads {FORMAT}")
        lists = (schema.field("embedding").metadata or {}).get(b"zorse")
        return replace(About(**{key: known[key] for key in _FIXED}), **(json.loads(lists) if lists else {}))
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the table is none that zorse index made") from error


def remember(table: Any, of: About) -> None:
    """Keep how the table is searched."""
    lists = {key: value for key, value in asdict(of).items() if key not in _FIXED}
    table.update_field_metadata({"path": "embedding", "metadata": {"zorse": json.dumps(lists)}})


def to_arrow(table: Any, columns: Mapping[str, Sequence[Any]], vectors: np.ndarray) -> Any:
    """Columns of n rows and their vectors (n, dim), as the table wants them; a column that is not given is null."""
    import pyarrow as pa

    schema = table.schema.remove_metadata()
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    arrays = [
        pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        if column.name == "embedding"
        else pa.array(columns[column.name], column.type)
        if column.name in columns
        else pa.nulls(len(vectors), column.type)
        for column in schema
    ]
    return pa.table(arrays, names=schema.names)


def vectors_of(found: Any) -> np.ndarray:
    """The embedding column of an Arrow table as an array (n, dim)."""
    column = found["embedding"].combine_chunks()
    width = found.schema.field("embedding").type.list_size
    return np.asarray(column.flatten(), dtype=np.float32).reshape(-1, width)


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def writing(index: str | os.PathLike) -> Iterator[None]:
    """Within the block no other process writes to the same folder; ``kill -9`` lets go of it too."""
    where = location(index)
    if not is_local(where):  # LanceDB refuses commits that conflict
        yield
        return
    check_folder(Path(where), "an index", any((Path(where) / name).exists() for name in (f"{NAME}.lance", ".writing")))
    lock = None
    try:
        Path(where).mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(Path(where) / ".writing", timeout=0, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except OSError as error:
        raise NotAvailableError(f"cannot make the folder {where}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        if lock is not None:
            lock.close()
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise NotAvailableError(f"another process is writing to the index {where}; try again later") from error
        raise NotAvailableError(f"the index {where} cannot be written: {error}") from error
    try:
        yield
    finally:
        lock.close()


@contextmanager
def told(where: object) -> Iterator[None]:
    """Turn what LanceDB raises into one sentence."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        if isinstance(error, (InputError, NotAvailableError)):
            raise
        # The place in LanceDB's own sources is of no use to anybody here.
        reason = re.sub(r",? ?(at )?/[^ ]*\.cargo[^ ]*", "", str(error)).strip()
        if "No space left" in reason:
            raise NotAvailableError(f"the index {where} cannot grow: the disk is full") from error
        if "ermission denied" in reason:
            raise NotAvailableError(f"the index {where} cannot be used: permission denied") from error
        raise NotAvailableError(
            f"the index {where} cannot be read ({reason}); if it is damaged, delete it and index the images again"
        ) from error


def _lancedb() -> Any:
    try:
        import lancedb
    except ImportError as error:
        raise MissingDependencyError("lancedb", "search", "an index of images") from error
    return lancedb
