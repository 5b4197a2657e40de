"""Class tables too long for memory, read from disk a part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError


def stream_tables(
    path: str | Path,
    labels: Sequence | np.ndarray | None = None,
    *,
    chunk: int = 16_384,
    label_column: str = "label",
    vector_column: str = "vector",
) -> Iterator[ClassTable]:
    """The class vectors of a file as one table after another, in the file's order.

    Parameters
    ----------
    path : path
        ``.npy`` of shape (c, k), or ``.parquet`` with a column of vectors and one of labels.
    labels : array-like of shape (c,), optional
        For ``.npy``; without them the label of a class is its row, from 0.
    chunk : int, default=16384
        Classes a table; memory is about 16 k bytes a class of it.
    label_column, vector_column : str, default="label", "vector"
        For ``.parquet``; vectors are lists of numbers, all of one length.

    Yields
    ------
    ClassTable
        Each table's labels are unique; that no label comes again in a later table is for the file to see to.

    Raises
    ------
    InputError
        If the file is missing or of another form, labels do not fit, or a vector is not finite.
    """
    path = Path(path)
    if chunk < 1:
        raise InputError(f"chunk must be at least 1; got {chunk}")
    if path.suffix.lower() not in (".npy", ".parquet"):
        raise InputError(f"{path} is neither .npy nor .parquet, which class vectors are streamed from")
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    if path.suffix.lower() == ".npy":
        yield from _of_npy(path, labels, chunk)
    elif labels is not None:
        raise InputError(f"labels of {path} stand in its column {label_column!r}; none can be passed")
    else:
        yield from _of_parquet(path, chunk, label_column, vector_column)


def _of_npy(path: Path, labels: Sequence | np.ndarray | None, chunk: int) -> Iterator[ClassTable]:
    c = len(_mapped(path))
    if labels is not None and len(labels) != c:
        raise InputError(f"expected {c} labels, one a row of {path}; got {len(labels)}")
    for start in range(0, c, chunk):
        stop = min(start + chunk, c)
        # Mapped anew each time, so that pages that were read do not stay in this process.
        vectors = _mapped(path)[start:stop]
        yield ClassTable(np.arange(start, stop) if labels is None else np.asarray(labels[start:stop]), vectors)


def _mapped(path: Path) -> np.ndarray:
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as an array: {error}") from error
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise InputError(f"{path} must hold numbers of shape (c, k); got {vectors.dtype} of shape {vectors.shape}")
    return vectors


def _of_parquet(path: Path, chunk: int, label_column: str, vector_column: str) -> Iterator[ClassTable]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # By default whole row groups are read ahead and kept.
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            for column in (label_column, vector_column):
                if column not in file.schema_arrow.names:
                    raise InputError(f"{path} has no column {column!r}; it has {', '.join(file.schema_arrow.names)}")
            start = 0
            for batch in file.iter_batches(batch_size=chunk, columns=[label_column, vector_column]):
                vectors = stacked(batch.column(vector_column), path, start)
                yield ClassTable(np.array(batch.column(label_column).to_pylist()), vectors)
                start += len(batch)
    except pa.ArrowException as error:
        raise InputError(f"{path} cannot be read as Parquet: {error}") from error


def stacked(column, path: Path, start: int) -> np.ndarray:
    """A column of lists as an array, without a Python object a number."""
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise InputError(f"{path} has vectors of type {kind}; expected lists of numbers")
    if not len(column):
        raise InputError(f"{path} has no rows")
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    odd = np.flatnonzero((lengths != lengths[0]) | (np.nan_to_num(lengths) == 0))
    if len(odd):
        raise InputError(f"{path}, row {start + odd[0]} has a vector of another length than row {start}, or none")
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
