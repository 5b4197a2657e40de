"""External memory: a corpus of captions, or of images with captions, as vectors that are searched."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from zorse.core.errors import InputError
from zorse.core.files import atomic_path
from zorse.nn.search import nearest
from zorse.nn.vectors import unit_rows

FORMAT = 1
By = Literal["text", "image"]


@runtime_checkable
class Searchable(Protocol):
    """The least that a method's ``memory`` must do."""

    @property
    def vectors(self) -> np.ndarray:
        """What is found: unit rows (m, d)."""

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest rows of each query: index and similarity, both (q, k), best first."""


class Column(Sequence):
    """Strings of a Parquet file that are read when somebody asks for one; a search of vectors does not."""

    def __init__(self, file: Path, name: str, rows: int):
        self.file, self.name, self.rows = file, name, rows

    @cached_property
    def values(self) -> list[str]:
        """All of them."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_table(self.file, columns=[self.name])[self.name].to_pylist()
        except (pa.ArrowException, OSError, KeyError) as error:
            raise InputError(f"{self.file} cannot be read: {error}; build the memory again") from error

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, at):
        return self.values[at]

    def __iter__(self):
        return iter(self.values)


@dataclass(frozen=True, eq=False)
class Memory:
    """m captions, images, or images with captions, in the space of one dual encoder.

    Attributes
    ----------
    text_vectors, image_vectors : ndarray of shape (m, d), float32, or None
        Unit rows; at least one of them. Of an opened folder they are memory-mapped.
    texts : sequence of m str, or None
        Captions.
    labels : sequence of m str, or None
        What each row shows, where that is known; empty where it is not.
    model, fingerprint, text_fingerprint : str
        What made the vectors.
    folder : Path or None
        Where it lies.
    """

    EXACT_BELOW: ClassVar[int] = 200_000  # rows; from here on faiss answers, approximately
    PROBES: ClassVar[int] = 32

    text_vectors: np.ndarray | None = None
    image_vectors: np.ndarray | None = None
    texts: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    model: str = ""
    fingerprint: str = ""
    text_fingerprint: str = ""
    folder: Path | None = None

    def __post_init__(self):
        parts = {"text_vectors": self.text_vectors, "image_vectors": self.image_vectors}
        there = {name: part for name, part in parts.items() if part is not None}
        if not there:
            raise InputError("a memory needs text_vectors or image_vectors; got neither")
        shapes = {np.shape(part) for part in there.values()}
        shape = next(iter(shapes))
        if len(shapes) > 1 or len(shape) != 2 or not shape[0]:
            told = ", ".join(f"{name} {np.shape(part)}" for name, part in there.items())
            raise InputError(f"a memory's vectors have one shape (m, d) with at least one row; got {told}")
        for name in ("texts", "labels"):
            column = self.__dict__.get(name)
            if column is not None and len(column) != shape[0]:
                raise InputError(f"a memory of {shape[0]} rows has {len(column)} {name}")

    @classmethod
    def of_arrays(cls, vectors: np.ndarray, labels: Iterable | None = None, texts: Sequence[str] | None = None):
        """A memory of vectors (m, d) alone, with what each shows where that is known."""
        named = None if labels is None else [str(label) for label in labels]
        return cls(None, unit_rows(np.asarray(vectors, dtype=np.float32)), texts, named)

    @classmethod
    def open(cls, folder: str | os.PathLike) -> Memory:
        """A memory that :meth:`save` or ``zorse memory build`` wrote; vectors are mapped, not read.

        Raises
        ------
        InputError
            If there is none, it is of another format, or its files do not belong together.
        """
        folder = Path(folder)
        try:
            header = json.loads((folder / "memory.json").read_text())
        except (FileNotFoundError, NotADirectoryError) as error:
            raise InputError(f"{folder} holds no memory; zorse memory build makes one") from error
        except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
            raise InputError(f"{folder / 'memory.json'} cannot be read: {error}") from error
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise InputError(f"{folder} is a memory of another format; this version of zorse reads {FORMAT}")
        try:
            vectors = _mapped(folder / Path(header["vectors"]).name)
            rows, columns = header["rows"], folder / Path(header["columns"]).name
            texts, labels = (
                Column(columns, name, rows) if name in header["holds"] else None for name in ("text", "label")
            )
            opened = cls(
                vectors.get("text"),
                vectors.get("image"),
                texts,
                labels,
                model=header["model"],
                fingerprint=header["fingerprint"],
                text_fingerprint=header["text_fingerprint"],
                folder=folder,
            )
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise InputError(f"the memory {folder} is damaged: {error}; build it again") from error
        if len(opened) != rows or not columns.is_file():
            raise InputError(f"the memory {folder} is damaged: its files do not belong together; build it again")
        return opened

    def __len__(self) -> int:
        return len(self.vectors)

    def __sklearn_clone__(self) -> Memory:
        return self

    def __repr__(self) -> str:
        holds = " and ".join(by for by in ("image", "text") if self._by(by) is not None)
        return f"Memory({len(self):,} rows of {self.vectors.shape[1]} numbers, {holds}, model={self.model!r})"

    @property
    def vectors(self) -> np.ndarray:
        """What methods take from it: image vectors where there are any, else text vectors."""
        vectors = self.image_vectors if self.image_vectors is not None else self.text_vectors
        assert vectors is not None
        return vectors

    def _by(self, by: str) -> np.ndarray | None:
        return self.image_vectors if by == "image" else self.text_vectors

    def check(self, encoder: Any) -> Memory:
        """The memory itself, if ``encoder`` made it.

        Raises
        ------
        InputError
            If another one did; it names both.
        """
        for mine, theirs in (
            (self.fingerprint, getattr(encoder, "fingerprint", "")),
            (self.text_fingerprint, getattr(encoder, "text_fingerprint", "")),
        ):
            if mine and theirs and mine != theirs:
                raise InputError(
                    f"the memory {self.folder or ''} was built with the model {self.model!r}, which is not the "
                    f"{getattr(encoder, 'name', 'model')!r} given here; build it again with --model"
                )
        return self

    def search(self, queries: np.ndarray, k: int, by: By | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest rows of each query by inner product.

        Parameters
        ----------
        queries : ndarray of shape (q, d)
            Unit rows.
        k : int
        by : {"text", "image"}, optional
            Which vectors are compared with; texts, where there are any.

        Returns
        -------
        index, similarity : ndarray of shape (q, min(k, m))
            Best first.

        Notes
        -----
        Exact below 200,000 rows: O(q m d), in blocks. From there on by faiss's inverted lists (extra ``search``), whose
        recall is a matter of ``PROBES``; without faiss exactly, with a warning. A list short of k rows is filled up by
        an exact search.
        """
        by = by or ("text" if self.text_vectors is not None else "image")
        points = self._by(by)
        if points is None:
            raise InputError(f"this memory has no {by} vectors to search by")
        queries = np.asarray(queries)
        if queries.ndim != 2 or queries.shape[1] != points.shape[1]:
            raise InputError(f"a memory of vectors with {points.shape[1]} numbers was asked with {queries.shape}")
        if k < 1:
            raise InputError(f"k must be at least 1; got {k}")
        if len(points) < self.EXACT_BELOW or (index := self._lists(by)) is None:
            return nearest(queries, points, k)
        similarity, at = index.search(np.ascontiguousarray(queries, dtype=np.float32), min(k, len(points)))
        if (short := (at < 0).any(axis=1)).any():
            at[short], similarity[short] = nearest(queries[short], points, k)
        return at, similarity

    def _lists(self, by: str) -> Any:
        """faiss's index of the text or the image vectors, made once and kept in the folder; None without faiss."""
        kept = self.__dict__.get(f"_lists_{by}")
        if kept is not None:
            return kept
        try:
            import faiss
        except ImportError:
            warnings.warn(
                f"a memory of {len(self):,} rows is searched exactly, because faiss is not installed; "
                "pip install 'zorse[search]' makes it fast",
                stacklevel=4,
            )
            return None
        points = self._by(by)
        assert points is not None
        file = None
        if self.folder is not None and (names := sorted(self.folder.glob("memory-*.safetensors"))):
            file = names[0].with_suffix(f".{by}.faiss")
        if file is not None and file.is_file():
            index: Any = faiss.read_index(str(file))
        else:
            n_lists = max(1, int(4 * len(points) ** 0.5))
            index = faiss.index_factory(points.shape[1], f"IVF{n_lists},Flat", faiss.METRIC_INNER_PRODUCT)
            rng = np.random.default_rng(0)
            some = np.sort(rng.choice(len(points), min(len(points), 40 * n_lists), replace=False))
            index.train(np.array(points[some], dtype=np.float32))
            for start in range(0, len(points), 65536):
                index.add(np.array(points[start : start + 65536], dtype=np.float32))
            if file is not None and os.access(file.parent, os.W_OK):
                with atomic_path(file) as path:
                    faiss.write_index(index, str(path))
        index.nprobe = min(self.PROBES, index.nlist)
        object.__setattr__(self, f"_lists_{by}", index)
        return index

    def save(self, folder: str | os.PathLike) -> None:
        """Write it to ``folder`` as safetensors, Parquet and JSON; a crash leaves the old memory or the new one."""
        vectors = {by: part for by in ("text", "image") if (part := self._by(by)) is not None}
        parts = {by: ((len(self), part.shape[1]), _blocks(part)) for by, part in vectors.items()}
        write_memory(
            folder,
            parts,
            texts=self.texts,
            labels=self.labels,
            model=self.model,
            fingerprint=self.fingerprint,
            text_fingerprint=self.text_fingerprint,
        )

    @cached_property
    def rows_of(self) -> dict[str, np.ndarray]:
        """The rows of each label, where there are labels."""
        rows: dict[str, list[int]] = {}
        for row, label in enumerate(self.labels or ()):
            if label:
                rows.setdefault(label, []).append(row)
        return {label: np.array(at) for label, at in rows.items()}


def write_memory(
    folder: str | os.PathLike,
    vectors: Mapping[str, tuple[tuple[int, int], Iterable[np.ndarray]]],
    *,
    texts: Sequence[str] | None,
    labels: Sequence[str] | None,
    model: str,
    fingerprint: str,
    text_fingerprint: str,
) -> None:
    """Write a memory whose vectors come in blocks: ``{"text": (shape, blocks), "image": ...}``, in bounded memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    columns = {k: pa.array(list(v), pa.string()) for k, v in (("text", texts), ("label", labels)) if v is not None}
    rows = next(iter(vectors.values()))[0][0]
    columns["row"] = pa.array(np.arange(rows))
    with atomic_path(folder / "memory.safetensors") as scratch:
        stem = _write_safetensors(scratch, vectors)
        (folder / f"{stem}.safetensors").unlink(missing_ok=True)
        os.link(scratch, folder / f"{stem}.safetensors")
    (folder / "memory.safetensors").unlink()
    with atomic_path(folder / f"{stem}.parquet") as scratch:
        pq.write_table(pa.table(columns), scratch)
    header = {
        "format": FORMAT,
        "rows": rows,
        "vectors": f"{stem}.safetensors",
        "columns": f"{stem}.parquet",
        "holds": [name for name in columns if name != "row"],
        "model": model,
        "fingerprint": fingerprint,
        "text_fingerprint": text_fingerprint,
    }
    # Written last: it names the files that belong together.
    with atomic_path(folder / "memory.json") as scratch:
        scratch.write_text(json.dumps(header, indent=1))
    for old in folder.glob("memory-*"):
        if not old.name.startswith(stem):
            old.unlink()


def _write_safetensors(path: Path, parts: Mapping[str, tuple[tuple[int, int], Iterable[np.ndarray]]]) -> str:
    """Write float32 blocks as they come; a name that depends on the content."""
    entries, at, digest = {}, 0, hashlib.sha256()
    for name, (shape, _) in parts.items():
        end = at + 4 * shape[0] * shape[1]
        entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    head = json.dumps(entries).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for name, (shape, blocks) in parts.items():
            n = 0
            for block in blocks:
                content = np.ascontiguousarray(block, dtype="<f4").tobytes()
                digest.update(content)
                file.write(content)
                n += len(block)
            if n != shape[0]:
                raise InputError(f"expected {shape[0]} {name} vectors, got {n}")
    return f"memory-{digest.hexdigest()[:16]}"


def _mapped(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, memory-mapped."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > path.stat().st_size:
            raise ValueError(f"{path.name} is no safetensors file")
        entries = json.loads(file.read(size))
    found: dict[str, np.ndarray] = {}
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        shape = tuple(entry["shape"])
        if entry["dtype"] != "F32" or end - begin != 4 * int(np.prod(shape)) or 8 + size + end > path.stat().st_size:
            raise ValueError(f"{path.name} is cut short or not float32")
        found[name] = np.memmap(path, dtype="<f4", mode="r", offset=8 + size + begin, shape=shape)
    return found


def _blocks(vectors: np.ndarray, size: int = 8192) -> Iterator[np.ndarray]:
    for start in range(0, len(vectors), size):
        yield vectors[start : start + size]


def read_memory(memory: Any) -> Searchable | None:
    """What a method's ``memory`` stands for.

    Parameters
    ----------
    memory : path, Memory, Searchable, array (m, d), pair (array, labels), or None
        A folder is opened once a process, as long as it does not change.

    Raises
    ------
    InputError
        If it is nothing of these.
    """
    if memory is None or isinstance(memory, Memory):
        return memory
    if isinstance(memory, str | os.PathLike):
        file = Path(memory) / "memory.json"
        return _opened(str(Path(memory).resolve()), file.stat().st_mtime_ns if file.is_file() else 0)
    if isinstance(memory, tuple | list) and len(memory) == 2:
        return Memory.of_arrays(np.asarray(memory[0]), memory[1])
    if isinstance(memory, np.ndarray):
        return Memory.of_arrays(memory)
    if isinstance(memory, Searchable):
        return memory
    raise InputError(
        f"memory is a folder that zorse memory build made, a Memory, vectors (m, d), (vectors, labels), or an object "
        f"with vectors and search(queries, k); got {type(memory).__name__}"
    )


@lru_cache(maxsize=8)
def _opened(folder: str, changed: int) -> Memory:
    return Memory.open(folder)
