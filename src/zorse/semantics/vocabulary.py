"""Label vectors for more names than fit a matrix: built once, memory-mapped, and searched."""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from zorse.core.errors import InputError, MissingDependencyError, NotAvailableError
from zorse.core.files import atomic_path
from zorse.nn.search import nearest
from zorse.semantics.files import label_lines
from zorse.semantics.labels import same_name

try:
    import fcntl
except ImportError:  # Windows: two builds in one folder are then the user's to avoid
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
_BLOCK = 1 << 16  # vectors added to the index at a time
_LOCK = ".building"
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
    inverted lists of vectors with four bits a number, and those are ranked exactly by the vectors on disk. Memory of a
    search: the index, n (d / 2 + 8) bytes, mapped as the vectors are, and the pages touched of their 2 n d bytes.
    Cost: O(l d + n PROBES d / l) a query, for l lists. A build holds the index in memory and costs O(n l d).
    """

    EXACT_BELOW: ClassVar[int] = 200_000
    PROBES: ClassVar[int] = 64
    SHORTLIST: ClassVar[int] = 1000
    LISTS: ClassVar[int] = 1024  # at most: a build compares every name with every list
    SAMPLE: ClassVar[int] = 40_000  # names that the index learns from
    ROUNDS: ClassVar[int] = 10  # of k-means

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        record = read_record(self.folder)
        if record["done"] < record["names"]:
            raise InputError(
                f"{self.folder} holds label vectors of {record['done']:,} of {record['names']:,} names; build it with "
                "the same labels again, and it goes on from there"
            )
        self.fingerprint: str = record["fingerprint"]
        self.names = Names(self.folder)
        self.vectors = np.load(self.folder / _VECTORS, mmap_mode="r")
        self._index: Any = None

    def __len__(self) -> int:
        return len(self.vectors)

    @classmethod
    def build(
        cls,
        names: Sequence[str] | Path,
        encode: Callable[[list[str]], np.ndarray],
        folder: str | Path,
        *,
        dim: int,
        fingerprint: str,
        made_of: str = "",
        block: int = 8192,
        progress: Callable[[str, int, int], Any] | None = None,
    ) -> Self:
        """Write the vectors of ``names`` and the index to ``folder``; goes on where an earlier run stopped.

        Parameters
        ----------
        names : sequence of str, or Path
            A file holds one a line, and is read a line at a time.
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
            Called with what is being done ("encoded", "indexed"), to how many names, and of how many.

        Raises
        ------
        InputError
            If a name is blank, holds a line break or comes twice, or the folder holds something else.
        NotAvailableError
            If the disk is full, or another process builds in the same folder.

        Notes
        -----
        A build may be killed at any moment: it goes on at the block it was in, or anew where the names were not yet
        written. Only an index that was not finished is begun again. Memory: 16 bytes a name, a block, and at the end
        the index. Those who search what the folder held before go on with that.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        key = _key(names, fingerprint, made_of)
        if not _is(folder, key, done=True):
            with _alone(folder):
                if not _is(folder, key):
                    _begin(folder, names, dim, {"key": key, "fingerprint": fingerprint})
                if len(Names(folder)) >= cls.EXACT_BELOW:
                    _faiss(len(Names(folder)))  # missed before the hours of encoding, not after
                _encode(folder, encode, block, progress)
        found = cls(folder)
        if len(found) >= cls.EXACT_BELOW:
            found._lists(progress)
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

    def _lists(self, progress: Callable[[str, int, int], Any] | None = None) -> Any:
        if self._index is not None:
            return self._index
        faiss = _faiss(len(self))
        file = self.folder / _INDEX
        if not file.is_file():
            with _alone(self.folder), atomic_path(file) as scratch:
                faiss.write_index(self._made(faiss, progress), str(scratch))
        self._index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP)
        self._index.nprobe = min(self.PROBES, self._index.nlist)
        return self._index

    def _made(self, faiss: Any, progress: Callable[[str, int, int], Any] | None) -> Any:
        n, d = self.vectors.shape  # mapped anew for each block below: pages once read do not stay resident
        lists = max(1, min(int(4 * n**0.5), self.LISTS, n // 40))
        index = faiss.index_factory(d, f"IVF{lists},SQ4", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter = self.ROUNDS
        some = np.sort(np.random.default_rng(0).choice(n, min(n, self.SAMPLE), replace=False))
        index.train(np.load(self.folder / _VECTORS, mmap_mode="r")[some].astype(np.float32))
        for start in range(0, n, _BLOCK):
            index.add(np.load(self.folder / _VECTORS, mmap_mode="r")[start : start + _BLOCK].astype(np.float32))
            if progress is not None:
                progress("indexed", index.ntotal, n)
        return index


def _faiss(n: int) -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingDependencyError("faiss-cpu", "search", f"a search among {n:,} names") from error
    return faiss


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


def _is(folder: Path, key: str, done: bool = False) -> bool:
    """Whether the folder holds the vectors of ``key``, all of them if ``done``, or those so far."""
    if not (folder / _RECORD).is_file():
        return False
    record = read_record(folder)
    return record["key"] == key and (not done or record["done"] == record["names"])


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process builds in the folder meanwhile; what killed ones have left of files is removed."""
    with (folder / _LOCK).open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise NotAvailableError(f"another process writes label vectors to {folder}") from error
        for part in folder.glob(".*.partial"):
            part.unlink(missing_ok=True)
        yield  # closing the file gives the lock back


def _begin(folder: Path, names: Sequence[str] | Path, dim: int, record: dict[str, Any]) -> None:
    """Write the names, and room for their vectors."""
    ours = {_RECORD, _VECTORS, _NAMES, _ENDS, _INDEX, _LOCK}
    if not (folder / _RECORD).is_file() and any(one.name not in ours for one in folder.iterdir()):
        raise InputError(f"{folder} holds something else than label vectors; give a new or empty folder")
    # From here until all is written the folder is nobody's: a run that is killed meanwhile begins again.
    _write_record(folder, {"format": FORMAT, "key": "", "fingerprint": "", "names": 1, "done": 0})
    for name in (_INDEX, _VECTORS, _NAMES, _ENDS):
        (folder / name).unlink(missing_ok=True)  # not overwritten: whoever searches them keeps them
    n = _write_names(names, folder)
    np.lib.format.open_memmap(folder / _VECTORS, "w+", np.float16, (n, dim))
    _write_record(folder, {"format": FORMAT, **record, "names": n, "done": 0})


def _encode(
    folder: Path,
    encode: Callable[[list[str]], np.ndarray],
    block: int,
    progress: Callable[[str, int, int], Any] | None,
) -> None:
    """Write the vectors that are missing. Not through a map: a full disk would kill the process."""
    record, names = read_record(folder), Names(folder)
    room = np.load(folder / _VECTORS, mmap_mode="r")
    with (folder / _VECTORS).open("r+b") as file:
        for start in range(record["done"], len(names), block):
            stop = min(start + block, len(names))
            vectors = np.asarray(encode(list(names[start:stop])))
            if vectors.shape != (stop - start, room.shape[1]):
                raise InputError(f"expected vectors {(stop - start, room.shape[1])} of names; got {vectors.shape}")
            try:
                file.seek(room.offset + start * room.strides[0])
                file.write(vectors.astype(np.float16).tobytes())
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                raise NotAvailableError(f"cannot write {folder / _VECTORS}: {error.strerror or error}") from error
            _write_record(folder, record | {"done": stop})
            if progress is not None:
                progress("encoded", stop, len(names))


def _write_names(names: Sequence[str] | Path, folder: Path) -> int:
    ends, seen, end = array("q"), array("q"), -1
    with (folder / _NAMES).open("wb") as file:
        for name in _each(names):
            line = name.encode() + b"\n"
            file.write(line)
            end += len(line)
            ends.append(end)
            seen.append(hash(same_name(name)))
        file.flush()
        os.fsync(file.fileno())
    if len(ends) < 2:
        source = f" in {names}" if isinstance(names, Path) else ""
        raise InputError(f"{'only one label' if ends else 'no labels'}{source}; give at least two to choose between")
    np.save(folder / _ENDS, np.frombuffer(ends, dtype=np.int64))
    _refuse_twice(Names(folder), np.frombuffer(seen, dtype=np.int64))
    return len(ends)


def _refuse_twice(names: Names, hashes: np.ndarray) -> None:
    order = np.argsort(hashes, kind="stable")
    twins = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
    for first, second in zip(order[twins], order[twins + 1], strict=True):
        if same_name(names[first]) == same_name(names[second]):
            raise InputError(
                f"duplicate label: {names[second]!r} (label {second + 1}) is {names[first]!r} (label {first + 1}), "
                "but perhaps for case, underscores or spaces"
            )


def _each(names: Sequence[str] | Path) -> Iterator[str]:
    """The names, each fit to stand in a line."""
    source: Iterable[str] = label_lines(names) if isinstance(names, Path) else (names[i] for i in range(len(names)))
    for i, name in enumerate(source, 1):
        if "\n" in name or not name.strip():
            raise InputError(f"label {i} is blank or holds a line break: {name[:40]!r}")
        yield name


def _key(names: Sequence[str] | Path, fingerprint: str, made_of: str) -> str:
    """What the vectors depend on; of a file its bytes: millions of names need not be read one by one."""
    whole = hashlib.sha256(f"{fingerprint}\n{made_of}\n".encode())
    if isinstance(names, Path):
        try:
            with names.open("rb") as file:
                while part := file.read(1 << 20):
                    whole.update(part)
        except OSError as error:
            raise InputError(f"cannot read {names}: {error.strerror or error}") from error
    else:
        for name in _each(names):
            whole.update(name.encode() + b"\n")
    return whole.hexdigest()
