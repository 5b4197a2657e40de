"""From images to an index: what is new is embedded, what has gone is taken out, the rest stays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.errors import InputError
from zorse.data.image_ref import ImageRef, Slice
from zorse.data.images import find_images
from zorse.search.index import refuse_other
from zorse.search.lists import arrange
from zorse.search.pictures import escaped
from zorse.search.table import About, about, create_table, exists, location, open_table, told, writing
from zorse.search.update import Known, Reuse, remove, write

_FLUSH_ROWS, _FLUSH_SECONDS = 1024, 5.0  # what kill -9 may cost


@dataclass
class IndexReport:
    """What a run did.

    Attributes
    ----------
    rows : int
        Images in the index now.
    added, changed, removed, unchanged : int
        Images of this run that were new, had another content or caption than before, have gone, and
        stayed as they were.
    failed : list of (str, str)
        Images that could not be read, with the reason.
    seconds : float
    stopped : bool
        Whether the run was asked to stop; what was embedded is in the index, nothing was removed.
    """

    rows: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False


def build_index(
    sources: str | os.PathLike | Sequence[str | os.PathLike],
    index: str | os.PathLike,
    model: Any = "mini",
    *,
    store: Any = None,
    batch_size: int = 32,
    jobs: int | None = None,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
    stopped: Callable[[], bool] | None = None,
    stream_of: Callable[..., Any] | None = None,
) -> IndexReport:
    """Index images, or bring an index up to date with them.

    An image whose file has the size and time of change that the index knows, and whose caption is the same, is not read
    again; one whose content is known, under whatever name, is not encoded again. Images that have gone from ``sources``
    leave the index; those of other sources stay. Rows are committed as they come: a run that is killed at any moment
    leaves a sound index, and the same call goes on from there.

    Parameters
    ----------
    sources : path or sequence of paths
        Files, folders, globs, tar shards, Parquet tables and lists of paths, as :func:`zorse.data.find_images` takes.
    index : path or str
        Folder of the index, or an address on object storage.
    model : str or ImageEncoder
        What embeds; an index that another model made is refused.
    store : path or EmbeddingStore, optional
        Folder that keeps embeddings, shared with other commands.
    batch_size, jobs, device
        See :func:`zorse.embed`.
    progress : callable, optional
        Called with the number of images finished.
    stopped : callable, optional
        Asked after every image; the run ends in good order when it says True.
    stream_of : callable, optional
        Embeds in place of :func:`zorse.jobs.embed.embed_stream`, elsewhere: ``zorse.scale.streaming("ray", model)``.

    Raises
    ------
    InputError
        If a source does not exist or holds no image, or another model made the index.
    NotAvailableError
        If the index is being written by another process, is damaged, or the disk is full.
    """
    began = time.perf_counter()
    given = [_absolute(s) for s in ([sources] if isinstance(sources, str | os.PathLike) else sources)]
    images = [(source, find_images(source)) for source in given]
    if not images:
        raise InputError("no source of images was given")
    every = ((source, ref) for source, found in images for ref in found)
    refs = chain([next(every)], every)  # a folder without images is told before a model is loaded
    there = exists(index)
    made = about(open_table(index)) if there else None
    encoder = model
    if isinstance(model, str | os.PathLike):
        from zorse.encoders import load_encoder

        encoder = load_encoder(os.fspath(model), device=device)
    if made is not None:
        refuse_other(made, encoder, location(index))
    with ExitStack() as held:
        table = held.enter_context(opened_to_write(index, encoder))
        if isinstance(store, str | os.PathLike):
            from zorse.encoders.store import EmbeddingStore

            store = held.enter_context(EmbeddingStore(store))
        run = _Run(table, Known(open_table(index)), encoder, store, progress, stopped or (lambda: False))
        run.embed(refs, batch_size, jobs, stream_of)
        if not run.report.stopped:
            gone = run.known.gone(run.met, given, run.unread)
            remove(table, gone)
            run.report.removed = len(gone)
            arrange(table, encoder)
        run.report.rows = table.count_rows()
    run.report.seconds = time.perf_counter() - began
    return run.report


@contextmanager
def opened_to_write(index: str | os.PathLike, encoder: Any) -> Iterator[Any]:
    """The table of an index, made where there is none, for one writer; another encoder's is refused."""
    with writing(index), told(location(index)):
        if exists(index):
            table = open_table(index)
            refuse_other(about(table), encoder, location(index))
        else:
            text = getattr(encoder, "text_fingerprint", "")
            table = create_table(index, About(encoder.name, encoder.fingerprint, text, int(encoder.dim)))
        yield table


class _Run:
    def __init__(
        self,
        table: Any,
        known: Known,
        encoder: Any,
        store: Any,
        progress: Callable[[int], None] | None,
        stopped: Callable[[], bool],
    ):
        self.table, self.encoder = table, encoder
        self.progress, self.stopped = progress, stopped
        self.report = IndexReport()
        self.known = known
        self.store: Any = Reuse(known, store)
        self.met = np.zeros(len(known), dtype=bool)
        self.new: set[str] = set()
        self.unread: list[str] = []  # folders and shards that could not be gone through: their rows stay
        self.source_of: dict[str, tuple[str, int, int | None]] = {}
        self.done = 0
        self.rows: list[dict[str, Any]] = []
        self.vectors: list[np.ndarray] = []
        self.flushed = time.monotonic()

    def embed(
        self, refs: Iterator[tuple[str, ImageRef]], batch_size: int, jobs: int | None, stream_of: Any = None
    ) -> None:
        """Everything that is new or has changed."""
        from zorse.jobs.embed import embed_stream

        fresh = self._fresh(refs)
        first = next(fresh, None)
        if first is not None:
            left = chain([first], fresh)
            stream = (stream_of or embed_stream)(left, self.encoder, store=self.store, batch_size=batch_size, jobs=jobs)
            try:
                with closing(stream):
                    for item in stream:
                        self._take(item)
                        if self.stopped():
                            break
            except KeyboardInterrupt:  # the second Ctrl-C; what is embedded is kept all the same
                self._flush()
                raise
        self.report.stopped = self.stopped()
        self._flush()

    def _fresh(self, refs: Iterator[tuple[str, ImageRef]]) -> Iterator[ImageRef]:
        """The images that the index does not know as they are now."""
        containers: dict[str, int | None] = {}
        for source, ref in refs:
            if self.stopped():
                return
            key = escaped(ref.key)
            size, modified = _stat(ref, containers)
            row = self.known.row_of.get(key)
            if row is not None:
                if self.met[row]:  # given twice
                    continue
                self.met[row] = True
                same = modified is not None and (size, modified) == (self.known.size[row], self.known.modified[row])
                if same and _caption(ref) == self.known.caption(row):
                    self.report.unchanged += 1
                    self._tell()
                    continue
            elif key in self.new:
                continue
            else:
                self.new.add(key)
            self.source_of[key] = (source, size, modified)
            yield ref

    def _take(self, item: Any) -> None:
        key = escaped(item.key)
        source, size, modified = self.source_of.pop(key)
        known, caption = key in self.known.row_of, _caption(item.ref)
        self._tell()
        if item.vector is None:
            self.report.failed.append((key, item.error))
            if known:
                self.met[self.known.row_of[key]] = False  # its content is no longer what the row says
            self.unread.append(key)
            return
        if not known:
            self.report.added += 1
        else:
            row = self.known.row_of[key]
            same = (self.known.digests[row].decode(), self.known.caption(row)) == (item.digest, caption)
            self.report.unchanged += same
            self.report.changed += not same
        hint = None if item.label_hint is None else escaped(item.label_hint)
        self.rows.append(
            {
                "path": key,
                "digest": item.digest,
                "bytes": size,
                "modified": modified,
                "source": source,
                "folder": _folder(key, source),
                "labels": [hint] if hint else [],
                "caption": caption,
                "encoder": self.encoder.fingerprint,
            }
        )
        self.vectors.append(item.vector)
        if len(self.rows) >= _FLUSH_ROWS or time.monotonic() - self.flushed > _FLUSH_SECONDS:
            self._flush()

    def _tell(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done)

    def _flush(self) -> None:
        if self.rows:
            columns = {name: [row[name] for row in self.rows] for name in self.rows[0]}
            known = np.array([path in self.known.row_of for path in columns["path"]])
            write(self.table, columns, np.stack(self.vectors), known)
            self.rows, self.vectors = [], []
        self.flushed = time.monotonic()


def _absolute(source: str | os.PathLike) -> str:
    text = os.fspath(source)
    if not isinstance(text, str):
        raise InputError(f"a source is a path; got {source!r}")
    # find_images refuses addresses; a path is kept absolute, so that it means the same from everywhere.
    return text if "://" in text else str(Path(text).expanduser().absolute())


def _stat(ref: ImageRef, containers: dict[str, int | None]) -> tuple[int, int | None]:
    """Size of an image's content and time of change of the file that it lies in."""
    if isinstance(ref.source, Path):
        try:
            stat = ref.source.stat()
        except OSError:
            return -1, None
        return stat.st_size, stat.st_mtime_ns
    size = ref.source.size if isinstance(ref.source, Slice) else len(ref.source) if _is_bytes(ref.source) else -1
    container = _container(ref.key, containers)
    return size, containers.get(container) if container else None


def _is_bytes(content: Any) -> bool:
    return isinstance(content, (bytes, bytearray, memoryview))


def _container(key: str, containers: dict[str, int | None]) -> str | None:
    """The shard or table that ``key`` lies in; its time of change is put into ``containers``."""
    name = key.rpartition("#")[0] or key
    for path in (Path(name), *Path(name).parents):
        if str(path) in containers:
            return str(path)
        if path.is_file():
            containers[str(path)] = path.stat().st_mtime_ns
            return str(path)
        if path.is_dir():
            return None
    return None


def _folder(key: str, source: str) -> str:
    path = Path(key.rpartition("#")[0]) if "#" in key and not Path(key).exists() else Path(key)
    parent = path if path.suffix == ".parquet" else path.parent
    try:
        folder = parent.relative_to(source).as_posix()
    except ValueError:
        return parent.name
    return "" if folder == "." else folder


def _caption(ref: ImageRef) -> str | None:
    """What a text of the same name beside an image file says."""
    if not isinstance(ref.source, Path):
        return None
    beside = ref.source.with_suffix(".txt")
    try:
        return " ".join(beside.read_text(encoding="utf-8", errors="replace").split())[:2000] or None
    except OSError:
        return None
