"""Embeddings of many images as one value: arrays, a table, a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.errors import InputError
from zorse.core.files import atomic_path

if TYPE_CHECKING:
    import pyarrow

    from zorse.encoders.protocols import ImageEncoder


@dataclass(frozen=True)
class Unread:
    """An image that could not be read: its position in the source, its key, and why."""

    position: int
    key: str
    error: str
    label_hint: str | None = None


@dataclass(frozen=True)
class Row:
    """One image: ``vector`` (dim,) or ``error``."""

    key: str
    digest: str | None
    vector: np.ndarray | None
    error: str | None
    label_hint: str | None


@dataclass(frozen=True)
class Embeddings:
    """Unit vectors of images, in the order of the source.

    Iterating gives every image, those that could not be read in their places.

    Attributes
    ----------
    keys : list of str
        The n images that were embedded, as the source calls them.
    vectors : ndarray of shape (n, dim), float32
        Unit rows.
    digests : list of str
        SHA-256 of each file's content.
    label_hints : list of (str or None)
        What the source says they show: the folder's name, a shard's or a table's label.
    errors : list of Unread
        The images that could not be read.
    model, fingerprint : str
        The encoder's name and the digest of its weights and preprocessing.
    """

    keys: list[str]
    vectors: np.ndarray
    digests: list[str]
    label_hints: list[str | None]
    errors: list[Unread]
    model: str
    fingerprint: str

    @classmethod
    def of(cls, encoder: ImageEncoder, rows: Iterable[Any]) -> Embeddings:
        """Collect rows that have key, digest, vector, error and label_hint."""
        result = cls([], np.empty((0, encoder.dim), np.float32), [], [], [], encoder.name, encoder.fingerprint)
        vectors = []
        for position, row in enumerate(rows):
            if row.vector is None:
                result.errors.append(Unread(position, row.key, row.error, row.label_hint))
                continue
            result.keys.append(row.key)
            result.digests.append(row.digest)
            result.label_hints.append(row.label_hint)
            vectors.append(row.vector)
        if vectors:
            object.__setattr__(result, "vectors", np.stack(vectors))
        return result

    def __len__(self) -> int:
        return len(self.keys) + len(self.errors)

    def __iter__(self) -> Iterator[Row]:
        bad = {unread.position: unread for unread in self.errors}
        good = zip(self.keys, self.digests, self.vectors, self.label_hints)
        for position in range(len(self)):
            if position in bad:
                yield Row(bad[position].key, None, None, bad[position].error, bad[position].label_hint)
            else:
                key, digest, vector, hint = next(good)
                yield Row(key, digest, vector, None, hint)

    def to_arrow(self) -> pyarrow.Table:
        """Columns path, digest, label_hint, error and embedding (float32 lists of length dim), one row an image."""
        import pyarrow as pa

        rows = list(self)
        flat = np.zeros((len(rows), self.vectors.shape[1]), np.float32)
        there = np.array([row.vector is not None for row in rows], dtype=bool)
        flat[there] = self.vectors
        embedding = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1], mask=pa.array(~there))
        columns = {
            "path": pa.array([_utf8(row.key) for row in rows], pa.string()),
            "digest": pa.array([row.digest for row in rows], pa.string()),
            "label_hint": pa.array([row.label_hint and _utf8(row.label_hint) for row in rows], pa.string()),
            "error": pa.array([row.error for row in rows], pa.string()),
            "embedding": embedding,
        }
        return pa.table(columns).replace_schema_metadata({"model": self.model, "fingerprint": self.fingerprint})

    def save(self, path: str | os.PathLike) -> None:
        """Write ``.npz`` (arrays by attribute name, no pickle) or ``.parquet``; whole, or not at all.

        Raises
        ------
        InputError
            If the suffix is neither.
        NotAvailableError
            If the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in (".npz", ".parquet"):
            raise InputError(f"cannot tell the format of {str(path)!r}; expected a name that ends in .npz or .parquet")
        with atomic_path(path) as scratch, scratch.open("wb") as file:
            if path.suffix.lower() == ".parquet":
                import pyarrow.parquet as pq

                pq.write_table(self.to_arrow(), file)
                return
            np.savez(
                file,
                vectors=self.vectors,
                keys=np.array([_utf8(key) for key in self.keys], dtype=np.str_),
                digests=np.array(self.digests, dtype=np.str_),
                label_hints=np.array([_utf8(hint or "") for hint in self.label_hints], dtype=np.str_),
                error_keys=np.array([_utf8(unread.key) for unread in self.errors], dtype=np.str_),
                errors=np.array([unread.error for unread in self.errors], dtype=np.str_),
                model=np.array(self.model),
                fingerprint=np.array(self.fingerprint),
            )


def _utf8(text: str) -> str:
    # A file name need not be UTF-8; Arrow's and numpy's strings are.
    return text.encode("utf-8", "backslashreplace").decode()
