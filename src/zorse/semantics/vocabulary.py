"""Label vectors for more names than fit a matrix: built once, memory-mapped, and searched."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from zorse.core.errors import InputError, MissingDependencyError
from zorse.core.files import atomic_path
from zorse.nn.search import nearest

FORMAT = 1
_RECORD, _VECTORS, _NAMES, _ENDS, _INDEX = "vocabulary.json", "vectors.npy", "names.txt", "names.npy", "index.faiss"


class Names(Sequence):
    """Names in a file of lines, each read when it is asked for.

    Parameters
    ----------
    folder : Path
        Holds the lines, and where each of them ends.
    """

    def __init__(self, folder: Path):
        self._lines = np.memmap(folder / _NAMES, dtype=np.uint8, mode="r")
        self._ends = np.load(folder / _ENDS, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return tuple(self[i] for i in range(*at.indices(len(self))))
        at = range(len(self))[at]
        start = 0 if at == 0 else int(self._ends[at - 1]) + 1
        return self._lines[start : int(self._ends[at])].tobytes().decode()


class Vocabulary:
    """Unit vectors of many names on disk, in half precision, and how to find the nearest to an image.

    Parameters
    ----------
    folder : path
        What :meth:`build` wrote.

    Attributes
    ----------
    names : Sequence of str
    vectors : ndarray of shape (n, d), float16
        Memory-mapped.
    fingerprint : str
        Of the text tower that made them.

    Raises
    ------
    InputError
        If the folder holds no vocabulary, or one of another version.

    Notes
    -----
    Below ``EXACT_BELOW`` names a search is exact. From there on faiss (extra ``search``) picks ``SHORTLIST`` names from
    inverted lists of product-quantised vectors, a byte for eight numbers, and those are ranked exactly by the vectors
    on disk. Memory of a search: the index, n (d / 8 + 8) bytes, mapped as the vectors are, and the pages touched of
    their 2 n d bytes. Cost: O(l d + n PROBES d / 8 l) a query, for l lists.
    """

    EXACT_BELOW: ClassVar[int] = 200_000
    PROBES: ClassVar[int] = 32
    SHORTLIST: ClassVar[int] = 1000
    LISTS: ClassVar[int] = 1024  # at most: a build compares every name with every list
    SAMPLE: ClassVar[int] = 40_000  # names that the index learns from
    ROUNDS: ClassVar[int] = 10  # of k-means

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        record = read_record(self.folder)
        self.fingerprint: str = record["fingerprint"]
        self.names = Names(self.folder)
        self.vectors = np.load(self.folder / _VECTORS, mmap_mode="r")
        self._index: Any = None

    def __len__(self) -> int:
        return len(self.vectors)

    @classmethod
    def build(
        cls,
        names: Sequence[str],
        encode: Callable[[list[str]], np.ndarray],
        folder: str | Path,
        *,
        dim: int,
        fingerprint: str,
        made_of: str = "",
        block: int = 8192,
        progress: Callable[[int], Any] | None = None,
    ) -> Self:
        """Write the vectors of ``names`` and the index to ``folder``; goes on where an earlier run stopped.

        Parameters
        ----------
        names : sequence of str
        encode : callable
            Names -> unit vectors (m, dim).
        dim : int
        fingerprint : str
            Of the text tower.
        made_of : str
            What else vectors depend on, such as templates; with the names and the fingerprint it tells whether what the
            folder holds is of use.
        block : int
            Names encoded at a time, after which the work is safe.
        progress : callable, optional
            Called with the number of names encoded.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        key = _key(names, fingerprint, made_of)
        record: dict[str, Any] = {
            "format": FORMAT,
            "key": key,
            "fingerprint": fingerprint,
            "names": len(names),
            "done": 0,
        }
        if (folder / _RECORD).is_file() and (old := read_record(folder)).get("key") == key:
            record = old
        elif any(folder.iterdir()) and not (folder / _RECORD).is_file():
            raise InputError(f"{folder} holds something else than label vectors; give a new or empty folder")
        else:
            (folder / _INDEX).unlink(missing_ok=True)
            _write_names(names, folder)
            np.lib.format.open_memmap(folder / _VECTORS, "w+", np.float16, (len(names), dim))
            _write_record(folder, record)
        vectors = np.lib.format.open_memmap(folder / _VECTORS, "r+")
        for start in range(record["done"], len(names), block):
            stop = min(start + block, len(names))
            vectors[start:stop] = encode(list(names[start:stop]))
            vectors.flush()
            _write_record(folder, record | {"done": stop})
            if progress is not None:
                progress(stop)
        del vectors
        found = cls(folder)
        if len(found) >= cls.EXACT_BELOW:
            found._lists()
        return found

    def check(self, encoder: Any) -> None:
        """Refuse an encoder whose text tower is not the one that made the vectors.

        Raises
        ------
        InputError
        """
        if encoder.text_fingerprint != self.fingerprint:
            raise InputError(f"the label vectors in {self.folder} were made by another model than {encoder.name}")

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest names to unit vectors (q, d): rows (q, k) and cosines (q, k), best first."""
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.vectors.shape[1] or k < 1:
            raise InputError(f"expected queries (q, {self.vectors.shape[1]}) and k above 0; got {queries.shape}, {k}")
        k = min(k, len(self))
        if len(self) < self.EXACT_BELOW:
            return nearest(queries, self.vectors, k)
        _, near = self._lists().search(queries, min(max(self.SHORTLIST, k), len(self)))
        rows, cosines = np.empty((len(queries), k), dtype=int), np.empty((len(queries), k), dtype=np.float32)
        for i, (query, found) in enumerate(zip(queries, near, strict=True)):
            at = np.sort(found[found >= 0])  # in the order of the disk
            if len(at) < k:
                (rows[i],), (cosines[i],) = nearest(query[None], self.vectors, k)
                continue
            exact = self.vectors[at].astype(np.float32) @ query
            best = np.argsort(-exact, kind="stable")[:k]
            rows[i], cosines[i] = at[best], exact[best]
        return rows, cosines

    def _lists(self) -> Any:
        if self._index is not None:
            return self._index
        try:
            import faiss
        except ImportError as error:
            raise MissingDependencyError("faiss-cpu", "search", f"a search among {len(self):,} names") from error
        file = self.folder / _INDEX
        if not file.is_file():
            n, d = self.vectors.shape
            lists = max(1, min(int(4 * n**0.5), self.LISTS, n // 40))
            index: Any = faiss.index_factory(d, f"IVF{lists},PQ{d // 8}", faiss.METRIC_INNER_PRODUCT)
            index.cp.niter = index.pq.cp.niter = self.ROUNDS
            some = np.sort(np.random.default_rng(0).choice(n, min(n, self.SAMPLE), replace=False))
            index.train(self.vectors[some].astype(np.float32))
            for start in range(0, n, 1 << 16):
                index.add(self.vectors[start : start + (1 << 16)].astype(np.float32))
            with atomic_path(file) as scratch:
                faiss.write_index(index, str(scratch))
            del index
        self._index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP)
        self._index.nprobe = min(self.PROBES, self._index.nlist)
        return self._index


def read_record(folder: Path) -> dict[str, Any]:
    """What is known about the vectors in a folder.

    Raises
    ------
    InputError
        If it holds none, or of another version.
    """
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        version, _ = record["format"], record["key"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} holds no label vectors") from error
    if version != FORMAT:
        raise InputError(f"the label vectors in {folder} are of version {version}; this one reads {FORMAT}")
    return record


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    with atomic_path(folder / _RECORD) as path:
        path.write_text(json.dumps(record) + "\n", encoding="utf-8")


def _lines(names: Sequence[str]) -> Iterator[bytes]:
    for i in range(len(names)):
        if "\n" in names[i] or not names[i].strip():
            raise InputError(f"label {i + 1} is blank or holds a line break: {names[i][:40]!r}")
        yield names[i].encode() + b"\n"


def _write_names(names: Sequence[str], folder: Path) -> None:
    ends = np.empty(len(names), dtype=np.int64)
    end = -1
    with (folder / _NAMES).open("wb") as file:
        for i, line in enumerate(_lines(names)):
            file.write(line)
            end += len(line)
            ends[i] = end
        file.flush()
        os.fsync(file.fileno())
    np.save(folder / _ENDS, ends)


def _key(names: Sequence[str], fingerprint: str, made_of: str) -> str:
    whole = hashlib.sha256(f"{fingerprint}\n{made_of}\n".encode())
    for line in _lines(names):
        whole.update(line)
    return whole.hexdigest()
