"""Embeddings that exist already, into an index and out of it, in clip-retrieval's layout."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from zorse.core.errors import InputError
from zorse.data.clip_retrieval import Part, read_parts, write_parts
from zorse.search.build import IndexReport, opened_to_write
from zorse.search.index import ImageIndex
from zorse.search.lists import arrange
from zorse.search.query import encode_texts
from zorse.search.table import open_table, told, vectors_of
from zorse.search.update import Known, remove, write

_ROWS = 8192  # a commit: what kill -9 may cost
_PART = 100_000  # rows of a file that is written


def import_embeddings(
    folder: str | os.PathLike,
    index: str | os.PathLike,
    model: Any = "mini",
    *,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> IndexReport:
    """Index the image embeddings of a folder that clip-retrieval wrote, or bring an index up to date with it.

    Vectors are brought to unit length. Rows of a file that has not changed since are not read again; a run that is
    killed at any moment goes on from there.

    Parameters
    ----------
    folder : path
        With ``img_emb/*.npy`` and, where known, ``metadata/*.parquet`` (``image_path`` or ``url``, ``caption``).
    index : path or str
    model : str or DualEncoder
        What made the embeddings. Nothing in the files says so: a wrong model of the same length is not noticed.
    device, progress, stopped
        See :func:`build_index`.

    Raises
    ------
    InputError
        If the folder is of another layout, or its vectors have another length than the model's.
    """
    began = time.perf_counter()
    source = str(Path(folder).expanduser().absolute())
    parts = list(read_parts(source))
    if not any(part.image is not None for part in parts):
        raise InputError(f"{folder} holds no image embeddings (img_emb/*.npy), only those of texts")
    encoder = model
    if isinstance(model, str | os.PathLike):
        from zorse.encoders import load_encoder

        encoder = load_encoder(os.fspath(model), device=device)
    for part in parts:
        if part.image is not None and part.image.shape[1] != encoder.dim:
            raise InputError(
                f"part {part.number} of {folder} has vectors of {part.image.shape[1]} numbers; {encoder.name!r} gives "
                f"{encoder.dim}"
            )
    report = IndexReport()
    with opened_to_write(index, encoder) as table:
        known = Known(open_table(index))
        met, done = np.zeros(len(known), dtype=bool), 0
        for paths, captions, vectors, modified in _blocks(parts):
            row = _rows_of(known, paths)
            there = row >= 0
            same = there & (known.modified[row] == modified) if len(known) else there
            fresh = np.flatnonzero(~same)
            rows = vectors[fresh].astype(np.float32)
            lengths = np.linalg.norm(rows, axis=1)
            sound = np.isfinite(lengths) & (lengths > 0)
            report.failed += [(paths[i], "its vector is zero or not finite") for i in fresh[~sound]]
            fresh = fresh[sound]
            met[row[same]] = met[row[fresh[there[fresh]]]] = True
            if len(fresh):
                columns: dict[str, list] = {
                    "path": [paths[i] for i in fresh],
                    # The content is not known; a row is told from others by its name.
                    "digest": [f"path:{paths[i]}" for i in fresh],
                    "modified": [modified] * len(fresh),
                    "source": [source] * len(fresh),
                    "folder": [PurePath(paths[i]).parent.name for i in fresh],
                    "labels": [[]] * len(fresh),
                    "caption": [captions[i] for i in fresh],
                    "encoder": [encoder.fingerprint] * len(fresh),
                }
                write(table, columns, rows[sound] / lengths[sound, None], there[fresh])
            report.added += int((~there[fresh]).sum())
            report.changed += int(there[fresh].sum())
            report.unchanged += int(same.sum())
            done += len(paths)
            if progress is not None:
                progress(done)
            if stopped is not None and stopped():
                report.stopped = True
                break
        if not report.stopped:
            gone = known.gone(met, [source], [])
            remove(table, gone)
            report.removed = len(gone)
            arrange(table, encoder)
        report.rows = table.count_rows()
    report.seconds = time.perf_counter() - began
    return report


def _blocks(parts: list[Part]) -> Iterator[tuple[list[str], list[str | None], np.ndarray, int]]:
    named: set[str] = set()
    for part in parts:
        if part.image is None:
            continue
        paths, captions = part.paths, part.captions
        if len({*paths}) < len(paths) or not named.isdisjoint(paths):
            twice = next(p for p in paths if p in named or paths.count(p) > 1)
            raise InputError(f"part {part.number} names {twice!r}, which is there twice; a row needs a name of its own")
        named.update(paths)
        for start in range(0, len(part), _ROWS):
            rows = slice(start, start + _ROWS)
            yield paths[rows], captions[rows], part.image[rows], part.modified


def _rows_of(known: Known, paths: list[str]) -> np.ndarray:
    """The row of each path in what is known, -1 where it is new."""
    if not len(known):
        return np.full(len(paths), -1)
    return np.array([known.row_of.get(path, -1) for path in paths])


def export_embeddings(
    index: ImageIndex,
    folder: str | os.PathLike,
    *,
    texts: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write an index in clip-retrieval's layout and give the number of rows.

    Parameters
    ----------
    index : ImageIndex
    folder : path
        Made where it does not exist.
    texts : bool
        Also embed the captions, into ``text_emb``; a row without one is embedded by its labels, or as an empty text.
    progress : callable, optional
        Called with the number of rows written.

    Raises
    ------
    InputError
        If the folder holds embeddings already.
    """
    folder = Path(folder)
    if any((folder / kind).is_dir() and any((folder / kind).iterdir()) for kind in ("img_emb", "text_emb")):
        raise InputError(f"{folder} holds embeddings already; name a new folder")

    def parts() -> Iterator[tuple[dict[str, np.ndarray], dict[str, list]]]:
        import pyarrow as pa

        done, waiting, rows = 0, [], 0
        chosen = index.table.search().select(["path", "caption", "labels", "folder", "digest", "embedding"])
        for batch in chain(chosen.to_batches(8192), [None]):  # None: that was all
            if batch is not None:
                waiting.append(batch)
                rows += len(batch)
            if waiting and (batch is None or rows >= _PART):
                found = pa.Table.from_batches(waiting)
                waiting, rows, done = [], 0, done + len(found)
                vectors = {"img": vectors_of(found)}
                captions = found["caption"].to_pylist()
                if texts:
                    labels = found["labels"].to_pylist()
                    said = [c or ", ".join(names or ()) for c, names in zip(captions, labels)]
                    vectors["text"] = encode_texts(index.encoder, said)
                columns = {name: found[name].to_pylist() for name in ("folder", "digest")}
                yield vectors, {"image_path": found["path"].to_pylist(), "caption": captions} | columns
                if progress is not None:
                    progress(done)

    with told(index.where):
        return write_parts(folder, parts())
