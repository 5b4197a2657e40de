"""Embeddings in clip-retrieval's layout: ``img_emb/img_emb_0.npy``, ``text_emb/``, ``metadata/metadata_0.parquet``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.errors import InputError, NotAvailableError
from zorse.core.files import atomic_path

_PATHS = ("image_path", "path", "url", "key")  # what a row is called, the first that is there
_CAPTIONS = ("caption", "text")


@dataclass(frozen=True)
class Part:
    """Rows of one file.

    Attributes
    ----------
    image, text : ndarray of shape (n, dim), float16 or float32, or None
        Memory-mapped vectors, as they were written.
    metadata : pyarrow.Table or None
        n rows.
    modified : int
        When its vectors were written, in nanoseconds since 1970.
    number : int
        As in the files' names.
    """

    image: np.ndarray | None
    text: np.ndarray | None
    metadata: Any
    modified: int
    number: int

    def __len__(self) -> int:
        vectors = self.image if self.image is not None else self.text
        return 0 if vectors is None else len(vectors)

    @property
    def paths(self) -> list[str]:
        """What each row is called; its number where the metadata do not say."""
        column = self._first(_PATHS)
        named = [None] * len(self) if column is None else column
        return [str(name) if name is not None else f"{self.number}#{row}" for row, name in enumerate(named)]

    @property
    def captions(self) -> list[str | None]:
        """The caption of each row, where there is one."""
        return self._first(_CAPTIONS) or [None] * len(self)

    def _first(self, names: Sequence[str]) -> list | None:
        there = [] if self.metadata is None else [name for name in names if name in self.metadata.column_names]
        return self.metadata[there[0]].to_pylist() if there else None


def read_parts(folder: str | os.PathLike) -> Iterator[Part]:
    """The parts of a folder, in the order of their numbers; nothing but the metadata is read before it is used.

    Raises
    ------
    InputError
        If the folder is not of this layout, or vectors and metadata of a part do not belong together.
    """
    folder = Path(folder)
    image, text = (_numbered(folder / f"{kind}_emb", ".npy") for kind in ("img", "text"))
    metadata = _numbered(folder / "metadata", ".parquet")
    numbers = sorted({*image, *text})
    if not numbers:
        raise InputError(f"{folder} is not in clip-retrieval's layout: it has no img_emb/*.npy and no text_emb/*.npy")
    for number in numbers:
        vectors = {name: _vectors(files[number]) for name, files in (("i", image), ("t", text)) if number in files}
        table = _metadata(metadata[number]) if number in metadata else None
        part = Part(
            vectors.get("i"),
            vectors.get("t"),
            table,
            (image.get(number) or text[number]).stat().st_mtime_ns,
            number,
        )
        sizes = {len(rows) for rows in vectors.values()} | ({len(table)} if table is not None else set())
        if len(sizes) > 1:
            raise InputError(f"part {number} of {folder} has {' and '.join(map(str, sorted(sizes)))} rows in its files")
        yield part


def write_parts(folder: str | os.PathLike, parts: Iterable[tuple[Mapping[str, np.ndarray], Mapping[str, list]]]) -> int:
    """Write ``({"img": vectors, "text": vectors}, {"image_path": [...], "caption": [...]})``; give the number of rows.

    Vectors are written as float16, which is what clip-retrieval writes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder, rows = Path(folder), 0
    for number, (vectors, columns) in enumerate(parts):
        try:
            for kind in (*(f"{kind}_emb" for kind in vectors), "metadata"):
                (folder / kind).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NotAvailableError(f"cannot write {folder}: {error.strerror or error}") from error
        for kind, values in vectors.items():
            with (
                atomic_path(folder / f"{kind}_emb" / f"{kind}_emb_{number}.npy") as scratch,
                scratch.open("wb") as file,
            ):
                np.save(file, values.astype(np.float16))
        with atomic_path(folder / "metadata" / f"metadata_{number}.parquet") as scratch:
            pq.write_table(pa.table(dict(columns)), scratch)
        rows += len(next(iter(columns.values())))
    return rows


def _numbered(folder: Path, suffix: str) -> dict[int, Path]:
    files = sorted(folder.glob(f"*{suffix}")) if folder.is_dir() else []
    found = {}
    for file in files:
        number = re.search(r"(\d+)$", file.stem)
        if number and not file.name.startswith("."):
            found[int(number[1])] = file
    return found


def _vectors(file: Path) -> np.ndarray:
    try:
        vectors = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise InputError(f"{file} holds {vectors.dtype} {vectors.shape}; expected vectors (n, dim)")
    return vectors


def _metadata(file: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        wanted = [name for name in pq.read_schema(file).names if name in (*_PATHS, *_CAPTIONS)]
        return pq.read_table(file, columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
