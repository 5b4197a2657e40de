"""One shard: a share of the images, and the two files that its embeddings and its failures become."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.errors import NotAvailableError

EMBEDDINGS, FAILED = "embeddings", "failed"
_PARTIAL = ".partial"


@dataclass(frozen=True)
class Shard:
    """A share of the images, small enough to be done again if its worker dies.

    Attributes
    ----------
    number : int
        Its place in the plan, which names its files.
    sources : tuple of str
        Paths of images; or one tar shard or Parquet table.
    packed : bool
        Whether it is the latter.
    """

    number: int
    sources: tuple[str, ...]
    packed: bool

    @property
    def name(self) -> str:
        """Of its files; the same in every run."""
        return f"part-{self.number:06d}.parquet"

    def images(self) -> Any:
        """What ``embed_stream`` takes."""
        from zorse.data.image_ref import in_file
        from zorse.data.images import find_images

        if self.packed:
            return find_images([self.sources[0]])
        # A file that has gone since the plan was made is a failed image, not a failed job.
        return [in_file(Path(path)) for path in self.sources]

    def is_done(self, out: Path) -> bool:
        """Whether its embeddings are written."""
        return (out / EMBEDDINGS / self.name).is_file()


@dataclass(frozen=True)
class Finished:
    """What became of a shard: rows written, images that failed, and the process that did it."""

    number: int
    rows: int
    failed: int
    pid: int


def embed_shard(shard: Shard, encoder: Any, out: Path, batch_size: int = 32, jobs: int | None = None) -> Finished:
    """Embed a shard's images and write both files, the embeddings last: once they stand there, the shard is done.

    A shard that is worked on twice, by a worker that was taken for dead and by another, gives the same file under the
    same name; either takes its place whole.
    """
    from zorse.core.errors import InputError
    from zorse.jobs.embed import embed_stream

    keys: list[str] = []
    digests: list[str | None] = []
    hints: list[str | None] = []
    vectors: list[np.ndarray] = []
    failed: list[tuple[str, str, str | None]] = []
    try:
        with closing(embed_stream(shard.images(), encoder, batch_size=batch_size, jobs=jobs)) as stream:
            for item in stream:
                if item.vector is None:
                    failed.append((_utf8(item.key), item.error or "could not be read", item.label_hint))
                    continue
                keys.append(_utf8(item.key))
                digests.append(item.digest)
                hints.append(item.label_hint)
                vectors.append(item.vector)
    except InputError as error:  # a pack without images, or one that has gone
        if not shard.packed:
            raise
        failed.append((_utf8(shard.sources[0]), str(error), None))
    _write(out / FAILED / shard.name, _failures(failed))
    _write(out / EMBEDDINGS / shard.name, _rows(keys, digests, hints, vectors, encoder))
    return Finished(shard.number, len(keys), len(failed), os.getpid())


def clean(out: Path) -> None:
    """Remove what workers that were killed have left half written."""
    for folder in (out / EMBEDDINGS, out / FAILED):
        for path in folder.glob(f".*{_PARTIAL}"):
            path.unlink(missing_ok=True)


def counted(out: Path, shard: Shard) -> tuple[int, int]:
    """Rows and failures of a shard that is done, from the ends of its files."""
    import pyarrow.parquet as pq

    rows, failed = (pq.read_metadata(out / kind / shard.name).num_rows for kind in (EMBEDDINGS, FAILED))
    return rows, failed


def read(out: Path, kind: str = EMBEDDINGS) -> Iterator[Any]:
    """The tables of a finished job, shard by shard, in the order of the plan."""
    import pyarrow.parquet as pq

    for path in sorted((out / kind).glob("part-*.parquet")):
        yield pq.ParquetFile(path).read()


def _rows(keys: list, digests: list, hints: list, vectors: list, encoder: Any) -> Any:
    import pyarrow as pa

    flat = np.stack(vectors).ravel() if vectors else np.empty(0, np.float32)
    columns = {
        "path": pa.array(keys, pa.string()),
        "digest": pa.array(digests, pa.string()),
        "label_hint": pa.array([hint and _utf8(hint) for hint in hints], pa.string()),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), encoder.dim),
    }
    return pa.table(columns).replace_schema_metadata({"model": encoder.name, "fingerprint": encoder.fingerprint})


def _failures(failed: list[tuple[str, str, str | None]]) -> Any:
    import pyarrow as pa

    columns = list(zip(*failed, strict=True)) or [(), (), ()]
    names = ("path", "error", "label_hint")
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})


def _write(path: Path, table: Any) -> None:
    """As :func:`zorse.core.files.atomic_path`, under a scratch name that no process on another machine can share."""
    import pyarrow.parquet as pq

    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_PARTIAL}")
    try:
        with scratch.open("wb") as file:
            pq.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        raise NotAvailableError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        scratch.unlink(missing_ok=True)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
