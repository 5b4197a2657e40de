"""Bringing a table up to date: what it holds, what came, what has gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from zorse.search.table import quoted, to_arrow, vectors_of

_KNOWN = ("path", "digest", "bytes", "modified", "source", "caption")
_DELETE = 500  # paths a statement


class Known:
    """What a table held when a run began."""

    def __init__(self, snapshot: Any):
        self.snapshot = snapshot
        snapshot.checkout(snapshot.version)  # what was there, whatever is written meanwhile
        rows = snapshot.search().select([*_KNOWN]).with_row_id(True).to_arrow().combine_chunks()
        self.rows = rows
        self.size, self.modified = (np.asarray(rows[name].fill_null(-1)) for name in ("bytes", "modified"))
        self.ids = np.asarray(rows["_rowid"])

    def __len__(self) -> int:
        return len(self.ids)

    def caption(self, row: int) -> str | None:
        """What was written beside an image."""
        return self.rows["caption"][row].as_py()

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each path."""
        return {path: row for row, path in enumerate(self.rows["path"].to_pylist())}

    @cached_property
    def digests(self) -> np.ndarray:
        """The digest of each row."""
        return np.array([d.encode()[:64] for d in self.rows["digest"].to_pylist()], dtype="S64")

    @cached_property
    def _by_digest(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.digests, kind="stable")
        return order, self.digests[order]

    def vectors(self, digests: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of the digests that are known, and which these are."""
        found = np.zeros(len(digests), dtype=bool)
        if len(self) and len(digests):
            order, ordered = self._by_digest
            asked = np.array([d.encode() for d in digests], dtype="S64")
            at = np.searchsorted(ordered, asked).clip(max=len(ordered) - 1)
            found = ordered[at] == asked
        if not found.any():
            return np.empty((0, 0), np.float32), found
        once, back = np.unique(self.ids[order[at[found]]], return_inverse=True)
        rows = self.snapshot.take_row_ids(once.tolist()).with_row_id().select(["embedding"]).to_arrow()
        return vectors_of(rows)[np.argsort(np.asarray(rows["_rowid"]))][back], found

    def gone(self, met: np.ndarray, sources: Sequence[str], unread: Sequence[str]) -> list[str]:
        """Paths of these sources that were not met; of what lies in ``unread`` folders and shards nothing is known."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(self) or met.all():
            return []
        left = self.rows.select(["path", "source"]).filter(pa.array(~met))
        mine = pc.is_in(left["source"], value_set=pa.array(list(sources), pa.string()))
        for source in sources:
            mine = pc.or_(mine, pc.starts_with(left["path"], pattern=f"{source.rstrip('/')}/"))
        for key in unread:
            mine = pc.and_not(mine, pc.starts_with(left["path"], pattern=f"{key}/"))
        return left.filter(mine)["path"].to_pylist()


def write(table: Any, columns: Mapping[str, Sequence[Any]], vectors: np.ndarray, known: np.ndarray) -> None:
    """Commit a block of rows; those marked in ``known`` take the place of the row of the same path."""
    for part in (False, True):
        at = np.flatnonzero(known == part).tolist()
        if not at:
            continue
        whole = len(at) == len(known)
        chosen = columns if whole else {name: [values[i] for i in at] for name, values in columns.items()}
        block = to_arrow(table, chosen, vectors if whole else vectors[at])
        if part:
            table.merge_insert("path").when_matched_update_all().when_not_matched_insert_all().execute(block)
        else:
            table.add(block)


def remove(table: Any, paths: Sequence[str]) -> None:
    """Take rows out."""
    for start in range(0, len(paths), _DELETE):
        table.delete(f"path IN ({', '.join(map(quoted, paths[start : start + _DELETE]))})")


class Reuse:
    """A store of embeddings, as the reading pipeline asks for it, that looks into the index first."""

    def __init__(self, known: Known, store: Any):
        self.known, self.store = known, store
        self.path = getattr(store, "path", None)  # what other processes can open

    def get(self, digests: Sequence[str], fingerprint: str) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`zorse.encoders.EmbeddingStore.get`."""
        vectors, found = self.known.vectors(digests)
        if self.store is None or found.all():
            return vectors, found
        rest = np.flatnonzero(~found)
        more, there = self.store.get([digests[int(i)] for i in rest], fingerprint)
        if not there.any():
            return vectors, found
        whole = np.empty((len(digests), more.shape[1]), np.float32)
        if found.any():
            whole[found] = vectors
        whole[rest[there]] = more
        found[rest[there]] = True
        return whole[found], found

    def put(self, digests: Sequence[str], vectors: np.ndarray, fingerprint: str, *, name: str = "") -> int:
        """See :meth:`zorse.encoders.EmbeddingStore.put`."""
        return 0 if self.store is None else self.store.put(digests, vectors, fingerprint, name=name)
