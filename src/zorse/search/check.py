"""Whether an index is sound, and whether it still says what is on disk."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from zorse.search.pictures import on_disk
from zorse.search.table import About, about, location, open_table, told, vectors_of


@dataclass
class Checkup:
    """What was found.

    Attributes
    ----------
    rows : int
    about : About
        Encoder, and how the table is searched.
    outside : int
        Rows that the inverted lists do not hold yet; they are compared one by one.
    missing, stale : list of str
        Images that have gone, or have changed since; ``zorse index`` brings them up to date.
    problems : list of str
        What is wrong with the table itself.
    """

    rows: int
    about: About
    outside: int = 0
    missing: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check_index(index: str | os.PathLike) -> Checkup:
    """Read every row of an index and compare it with what it should be, and with the files it speaks of.

    Raises
    ------
    InputError
        If there is no index.
    NotAvailableError
        If the files are damaged.
    """
    import pyarrow as pa

    where = location(index)
    table = open_table(index)
    with told(where):
        found = Checkup(table.count_rows(), about(table))
        seen: set[str] = set()
        twice = other = crooked = read = 0
        columns = ["path", "bytes", "modified", "encoder", "digest", "embedding"]
        for batch in table.search().select(columns).to_batches(8192):
            block = pa.Table.from_batches([batch])
            read += len(block)
            paths = block["path"].to_pylist()
            twice += len(paths) - len({*paths} - seen)
            seen.update(paths)
            other += sum(made != found.about.fingerprint for made in block["encoder"].to_pylist())
            lengths = np.linalg.norm(vectors_of(block), axis=1)
            crooked += int((~(np.abs(lengths - 1) < 1e-3)).sum())  # NaN is counted too
            _compare(block, found)
        for lists in table.list_indices():
            if list(lists.columns) == ["embedding"]:
                found.outside = table.index_stats(lists.name).num_unindexed_rows
        if read != found.rows:
            found.problems.append(f"{read:,} of {found.rows:,} rows can be read")
        told_of = ((twice, "paths occur twice"), (other, "rows are of another encoder"))
        for n, what in (*told_of, (crooked, "vectors are not of unit length")):
            if n:
                found.problems.append(f"{n:,} {what}")
    return found


def _compare(block: object, found: Checkup) -> None:
    """Whether the files are still there as they were; a row made from embeddings alone has none to compare with."""
    for row in block.select(["path", "bytes", "modified", "digest"]).to_pylist():  # type: ignore[attr-defined]
        if row["digest"].startswith("path:"):
            continue
        path = on_disk(row["path"])
        try:
            stat = path.stat()
        except OSError:
            # A member of a shard is as new as its shard.
            name = on_disk(row["path"].rpartition("#")[0] or row["path"])
            packed = next((p for p in (name, *name.parents) if p.exists()), None)
            if packed is None or not packed.is_file():
                found.missing.append(row["path"])
            elif packed.stat().st_mtime_ns != row["modified"]:
                found.stale.append(row["path"])
            continue
        if (stat.st_size, stat.st_mtime_ns) != (row["bytes"], row["modified"]):
            found.stale.append(row["path"])
