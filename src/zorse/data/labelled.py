"""Embeddings with labels, from whatever file holds them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.data.class_stream import stacked

VECTORS = ("vectors", "vector", "embeddings", "embedding", "features", "X")
LABELS = ("labels", "label", "label_hints", "label_hint", "y")


def read_columns(path: str | Path) -> dict[str, np.ndarray]:
    """Arrays of an ``.npz`` (without pickle) or columns of a ``.parquet``, by name; lists of numbers become a matrix.

    A row of ``zorse embed``'s Parquet whose image could not be read, and so has no vector, is left out.

    Raises
    ------
    InputError
        If the file is missing, of another kind, or damaged.
    """
    path = Path(path)
    if path.suffix.lower() not in (".npz", ".parquet"):
        raise InputError(f"{path} is neither .npz nor .parquet, which embeddings are read from")
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    if path.suffix.lower() == ".parquet":
        return _parquet(path)
    try:
        with np.load(path, allow_pickle=False) as z:
            return dict(z)
    except (ValueError, OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def read_labelled(path: str | Path) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Vectors (n, d), labels (n,) and all columns of a file, such as ``zorse embed`` writes of folders of images.

    Vectors are looked for as ``vectors``, ``embedding``, ``features`` or ``X``, labels as ``labels``, ``label``,
    ``label_hints`` or ``y``.

    Raises
    ------
    InputError
        As :func:`read_columns`; also if either is missing or they do not fit, a vector is not finite or a sample has
        no label.
    """
    columns = read_columns(path)
    X, y = _named(columns, VECTORS, "vectors", path), _named(columns, LABELS, "labels", path)
    if X.ndim != 2 or X.dtype.kind not in "fiu" or y.shape != X.shape[:1]:
        raise InputError(f"{path} must hold vectors (n, d) and labels (n,); got {X.shape} of {X.dtype} and {y.shape}")
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        raise InputError(f"{path}, row {bad[0]}: the vector is not finite")
    if y.dtype.kind == "U" and (y == "").any():
        raise InputError(f"{path}, row {int(np.flatnonzero(y == '')[0])}: the sample has no label")
    return X, y, columns


def read_classes(path: str | Path) -> ClassTable:
    """A class table from a file of labels and vectors; found by the same names, or as a bundle's ``class_labels``.

    Raises
    ------
    InputError
        As :func:`read_columns`; also if either is missing, or they make no class table.
    """
    columns = read_columns(path)
    vectors = _named(columns, ("class_vectors", *VECTORS), "class vectors", path)
    labels = _named(columns, ("class_labels", *LABELS, "names", "name"), "class labels", path)
    try:
        return ClassTable(labels, vectors)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _named(columns: dict[str, np.ndarray], names: tuple[str, ...], what: str, path: str | Path) -> np.ndarray:
    for name in names:
        if name in columns:
            return columns[name]
    raise InputError(f"{path} has no {what} ({', '.join(names)}); it has {', '.join(columns) or 'nothing'}")


def _parquet(path: Path) -> dict[str, np.ndarray]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        for name in VECTORS:
            if name in table.column_names and table[name].null_count:
                table = table.filter(pa.compute.is_valid(table[name]))
        columns = {}
        for name in table.column_names:
            column = table[name].combine_chunks()
            if pa.types.is_nested(column.type):
                columns[name] = stacked(column, path, 0)
            elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                columns[name] = np.array([value or "" for value in column.to_pylist()], dtype=np.str_)
            else:
                columns[name] = column.to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise InputError(f"{path} cannot be read as Parquet: {error}") from error
    return columns
