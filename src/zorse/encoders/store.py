"""Embeddings on disk, kept by what they were made from and what made them."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import threading
import time
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zorse.core.errors import InputError, NotAvailableError
from zorse.encoders.protocols import TextEncoder

_SCHEMA = 1  # PRAGMA user_version: a store written by another layout is refused, not guessed at
_PATIENCE = 60.0  # seconds to wait for another process's transaction; one takes milliseconds
_CHUNK = 1000  # keys a query: far below SQLite's limit on variables
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)  # a place that is right, but not ours to write
_READ_ONLY = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")
_TABLES = (
    "CREATE TABLE IF NOT EXISTS encoder (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, "
    "name TEXT NOT NULL, dim INTEGER NOT NULL, used REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS embedding (id INTEGER PRIMARY KEY, encoder INTEGER NOT NULL, "
    "digest BLOB NOT NULL, vector BLOB NOT NULL, UNIQUE (encoder, digest))",
)


def content_digest(content: bytes | str) -> str:
    """SHA-256 of an image file's bytes or of a text, as 64 hex digits: the key of an embedding."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


@dataclass(frozen=True)
class StoredEncoder:
    """What a store holds of one encoder: rows of ``dim`` numbers, last used at ``used`` (seconds since 1970)."""

    fingerprint: str
    name: str
    dim: int
    rows: int
    used: float


@dataclass(frozen=True)
class StoreInfo:
    """A store's folder, its size on disk in bytes, its rows, and the encoders that made them."""

    path: Path
    size: int
    rows: int
    encoders: tuple[StoredEncoder, ...]


class EmbeddingStore:
    """Embeddings by (digest of the content, fingerprint of the encoder) in one SQLite file.

    A fingerprint covers weights, preprocessing and precision, so a row never has to be checked against anything.
    Every ``put`` is one transaction: after ``kill -9`` its rows are all there or none is. Several processes may read
    and write at once; a row that two of them computed is kept once. The folder must lie on a local disk (SQLite's
    write-ahead log needs shared memory between the processes).

    Parameters
    ----------
    path : path
        Folder of the store; made where it does not exist.
    dtype : {"float32", "float16"}
        How vectors written from here are kept. float16 halves the file and moves a cosine by less than 1e-3.

    Attributes
    ----------
    writable : bool
        False where the folder can't be made or written: then what it holds is read, nothing is kept, and a warning
        says so.

    Raises
    ------
    NotAvailableError
        If the folder's place is no place for one, the disk is full, or the file is damaged.
    """

    def __init__(self, path: str | os.PathLike, *, dtype: str = "float32"):
        if dtype not in ("float32", "float16"):
            raise InputError(f"dtype is float32 or float16, not {dtype!r}")
        self.path = Path(path)
        self.dtype = dtype
        self._file = self.path / "embeddings.sqlite"
        self._lock = threading.Lock()
        self.writable = True
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno not in _CLOSED:
                raise NotAvailableError(f"cannot make the embedding store {self.path}: {error.strerror}") from error
            self.writable = False
        with self._told():
            self._db = self._open()
        if not self.writable:
            warnings.warn(f"the embedding store {self.path} cannot be written, so that nothing is kept", stacklevel=2)

    def _open(self) -> sqlite3.Connection:
        if self.writable:
            try:
                return self._open_to_write()
            except sqlite3.Error as error:
                if not getattr(error, "sqlite_errorname", "").startswith(_READ_ONLY):
                    raise
                self.writable = False
        there = self._file.is_file() and os.access(self._file, os.R_OK)
        # Where another user writes it, through that one's log; where nobody does, SQLite needs to be told that it
        # makes no log of its own.
        for mode in ("mode=ro", "immutable=1") if there else ("",):
            name = f"{self._file.resolve().as_uri()}?{mode}" if there else ":memory:"
            db = sqlite3.connect(name, timeout=_PATIENCE, uri=there, isolation_level=None, check_same_thread=False)
            self._finalizer = weakref.finalize(self, db.close)
            try:
                if not there:
                    self._make_tables(db)
                self._check_layout(db)
                break
            except sqlite3.OperationalError:
                self._finalizer()
                if mode != "mode=ro":
                    raise
        return db

    def _open_to_write(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._file, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        self._finalizer = weakref.finalize(self, db.close)
        db.execute("PRAGMA page_size = 16384")  # seven 512-d rows a page; at 4096 half of every page is empty
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:  # switching to the log takes an exclusive lock, for which SQLite does not wait by itself
                db.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA mmap_size = 17179869184")
        self._make_tables(db)
        return db

    def _make_tables(self, db: sqlite3.Connection) -> None:
        with _transaction(db):
            self._check_layout(db)
            for table in _TABLES:
                db.execute(table)
            db.execute(f"PRAGMA user_version = {_SCHEMA}")

    def _check_layout(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _SCHEMA):
            raise NotAvailableError(
                f"the embedding store {self.path} has layout {version}; this version of Zorse reads {_SCHEMA}"
            )

    def get(self, digests: Sequence[str], fingerprint: str) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of the digests that are stored.

        Parameters
        ----------
        digests : sequence of str
            n digests (64 hex digits); the same one may occur twice.
        fingerprint : str
            The encoder's ``fingerprint`` (or ``text_fingerprint``).

        Returns
        -------
        vectors : ndarray of shape (found.sum(), dim), float32
            In the order asked.
        found : ndarray of shape (n,), bool
        """
        found = np.zeros(len(digests), dtype=bool)
        with self._told(), self._lock:
            encoder = self._db.execute("SELECT id, dim FROM encoder WHERE fingerprint = ?", (fingerprint,)).fetchone()
            if encoder is None:
                return np.empty((0, 0), np.float32), found
            row_of, dim = encoder
            vectors = np.empty((len(digests), dim), np.float32)
            for start in range(0, len(digests), _CHUNK):
                keys = [bytes.fromhex(digest) for digest in digests[start : start + _CHUNK]]
                marks = ",".join("?" * len(keys))
                query = f"SELECT digest, vector FROM embedding WHERE encoder = ? AND digest IN ({marks})"
                stored = dict(self._db.execute(query, (row_of, *keys)))
                for i, key in enumerate(keys, start):
                    if (vector := stored.get(key)) is not None:
                        kept = np.float32 if len(vector) == 4 * dim else np.float16
                        vectors[i] = np.frombuffer(vector, kept)
                        found[i] = True
        return vectors if found.all() else vectors[found], found

    def put(self, digests: Sequence[str], vectors: np.ndarray, fingerprint: str, *, name: str = "") -> int:
        """Keep n vectors (n, dim), all or none of them; a digest that is already there keeps its vector.

        Returns
        -------
        int
            How many rows are new.

        Raises
        ------
        InputError
            If the vectors are not (n, dim) with the encoder's dim, or not finite.
        NotAvailableError
            If the disk is full or the store cannot be written.
        """
        vectors = np.ascontiguousarray(vectors, dtype=self.dtype)
        if vectors.ndim != 2 or len(vectors) != len(digests):
            raise InputError(f"expected vectors of shape ({len(digests)}, dim), got {vectors.shape}")
        if not np.isfinite(vectors).all():
            raise InputError(f"vector {int(np.argmin(np.isfinite(vectors).all(1)))} holds NaN or infinity")
        if not len(digests) or not self.writable:
            return 0
        with self._told(), self._lock, _transaction(self._db) as db:
            db.execute(
                "INSERT INTO encoder (fingerprint, name, dim, used) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (fingerprint) DO UPDATE SET used = excluded.used",
                (fingerprint, name, vectors.shape[1], time.time()),
            )
            row_of, dim = db.execute("SELECT id, dim FROM encoder WHERE fingerprint = ?", (fingerprint,)).fetchone()
            if dim != vectors.shape[1]:
                raise InputError(f"encoder {fingerprint[:12]} gives {dim} numbers a vector, not {vectors.shape[1]}")
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO embedding (encoder, digest, vector) VALUES (?, ?, ?)",
                ((row_of, bytes.fromhex(d), v.tobytes()) for d, v in zip(digests, vectors)),
            )
            return db.total_changes - before

    def info(self) -> StoreInfo:
        """What is kept, by encoder, the most recently used first."""
        with self._told(), self._lock:
            encoders = tuple(
                StoredEncoder(*row)
                for row in self._db.execute(
                    "SELECT fingerprint, name, dim, (SELECT count(*) FROM embedding WHERE encoder = e.id), used "
                    "FROM encoder e ORDER BY used DESC"
                )
            )
        size = sum(file.stat().st_size for file in self.path.glob("embeddings.sqlite*"))
        return StoreInfo(self.path, size, sum(e.rows for e in encoders), encoders)

    def prune(self, *, encoder: str | None = None, unused_days: float | None = None) -> int:
        """Remove the rows of encoders that match every condition given, and give the space back to the disk.

        Parameters
        ----------
        encoder : str, optional
            A name as ``info`` shows it, or the beginning of a fingerprint.
        unused_days : float, optional
            Only encoders that wrote nothing for this many days.

        Returns
        -------
        int
            How many rows were removed.
        """
        if encoder is None and unused_days is None:
            raise InputError("say what to prune: an encoder (name or fingerprint), or unused_days")
        if not self.writable:
            raise NotAvailableError(f"the embedding store {self.path} cannot be written, so that nothing is removed")
        oldest = time.time() - 86400 * unused_days if unused_days is not None else float("inf")
        gone = [
            kept
            for kept in self.info().encoders
            if kept.used <= oldest and (encoder is None or kept.name == encoder or kept.fingerprint.startswith(encoder))
        ]
        with self._told(), self._lock:
            with _transaction(self._db) as db:
                for kept in gone:
                    which = "(SELECT id FROM encoder WHERE fingerprint = ?)"
                    db.execute(f"DELETE FROM embedding WHERE encoder = {which}", (kept.fingerprint,))
                    db.execute("DELETE FROM encoder WHERE fingerprint = ?", (kept.fingerprint,))
            if gone:
                self._db.execute("VACUUM")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return sum(kept.rows for kept in gone)

    def close(self) -> None:
        """Close the file; a store that is not closed is closed when Python forgets it."""
        self._finalizer()

    def __enter__(self) -> EmbeddingStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                told = "is damaged; delete the folder, its embeddings are computed again"
            elif name.startswith("SQLITE_FULL"):
                told = "cannot grow: the disk is full"
            elif name.startswith(_READ_ONLY):
                told = "cannot be written; choose a folder you may write to"
            elif name.startswith("SQLITE_BUSY"):
                told = f"was held by another process for more than {_PATIENCE:.0f} s; try again"
            else:
                told = f"cannot be used: {error}"
            raise NotAvailableError(f"the embedding store {self.path} {told}") from error


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE")  # takes the write lock at once: two writers queue instead of failing half-way
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def encode_text(encoder: TextEncoder, texts: Sequence[str], store: EmbeddingStore | None = None) -> np.ndarray:
    """``encoder.encode_text``, but a text that ``store`` has seen with this tower is not encoded again.

    Parameters
    ----------
    encoder : TextEncoder
    texts : sequence of str
        n texts.
    store : EmbeddingStore, optional
        Without one every text is encoded.

    Returns
    -------
    ndarray of shape (n, dim), float32
        Unit rows.
    """
    if store is None or not len(texts):
        return encoder.encode_text(texts)
    digests = [content_digest(text) for text in texts]
    vectors, found = store.get(digests, encoder.text_fingerprint)
    if found.all():
        return vectors
    new = {digest: text for digest, text, there in zip(digests, texts, found) if not there}
    fresh = encoder.encode_text(list(new.values()))
    store.put(list(new), fresh, encoder.text_fingerprint, name=f"{getattr(encoder, 'name', '')} (text)".lstrip())
    row_of = {digest: row for row, digest in enumerate(new)}
    whole = np.empty((len(texts), fresh.shape[1]), np.float32)
    whole[found] = vectors if found.any() else 0.0
    whole[~found] = fresh[[row_of[digests[i]] for i in np.flatnonzero(~found)]]
    return whole
