"""A corpus of captions, or of images with captions, becomes a memory on disk."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.errors import CapabilityError, InputError, NotAvailableError
from zorse.semantics.memory import Memory, write_memory

if TYPE_CHECKING:
    from zorse.encoders.store import EmbeddingStore

BLOCK = 512  # texts encoded, and kept, at a time: what kill -9 may cost
_TEXT = ("caption", "text", "sentence", "TEXT", "captions")
_LABEL = ("label", "class", "labels")
_IMAGE = ("image", "path", "file_name", "file")


@dataclass(frozen=True)
class Caption:
    """One row of a corpus: a text, and where known what it shows and the image that it belongs to."""

    text: str
    label: str = ""
    image: Path | None = None


def read_captions(source: str | os.PathLike) -> list[Caption]:
    """The rows of a corpus.

    Parameters
    ----------
    source : path
        ``.txt``: a caption a line. ``.jsonl``: an object a line with ``caption`` or ``text`` (a text or a list of them)
        and, where known, ``label`` and ``image`` (a path relative to the file). ``.json``: ``{label: [captions]}``, as
        CuPL publishes its sentences. ``.parquet``: columns of the same names. A folder: images with a ``.txt`` of the
        same name beside each (a caption a line), or a ``captions.jsonl`` inside; an image in a sub-folder without
        captions is captioned by the sub-folder's name.

    Raises
    ------
    InputError
        If there is nothing to read; it names file and line.
    """
    path = Path(source)
    if path.is_dir():
        rows = read_captions(path / "captions.jsonl") if (path / "captions.jsonl").is_file() else _folder(path)
    elif not path.is_file():
        raise InputError(f"there is no file or folder {path}")
    elif path.suffix.lower() in (".txt", ".lst"):
        from zorse.semantics.files import read_lines

        rows = [Caption(line) for _, line in read_lines(path)]
    elif path.suffix.lower() == ".jsonl":
        rows = list(_jsonl(path))
    elif path.suffix.lower() == ".json":
        from zorse.semantics.files import read_json

        content = read_json(path)
        if not isinstance(content, dict):
            raise InputError(f"{path} is not {{label: [captions]}}")
        rows = [row for label, texts in content.items() for row in _rows(path, texts, str(label), None, str(label))]
    elif path.suffix.lower() in (".parquet", ".pq"):
        rows = list(_parquet(path))
    else:
        raise InputError(f"cannot tell what {path} is; expected .txt, .jsonl, .json, .parquet or a folder of images")
    if not rows:
        raise InputError(f"{path} holds no caption")
    return rows


def _rows(path: Path, texts: Any, label: str, image: Path | None, where: str) -> Iterator[Caption]:
    for text in [texts] if isinstance(texts, str) else texts if isinstance(texts, list) else [None]:
        if not isinstance(text, str):
            raise InputError(f"{path}, {where}: expected a caption (a text or a list of texts)")
        if text.strip():
            yield Caption(" ".join(text.split()), label, image)


def _jsonl(path: Path) -> Iterator[Caption]:
    from zorse.semantics.files import read_text

    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {number} is not JSON: {error.msg}") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number} is no object")
        yield from _of_record(path, row, f"line {number}")


def _of_record(path: Path, row: dict, where: str) -> Iterator[Caption]:
    named = {k: next((row[name] for name in names if row.get(name) is not None), None) for k, names in _NAMES.items()}
    image = None
    if isinstance(named["image"], str):
        image = path.parent / named["image"]
        if not image.is_file():
            raise InputError(f"{path}, {where}: there is no image {image}")
    label = "" if named["label"] is None else str(named["label"])
    yield from _rows(path, named["text"], label, image, where)


_NAMES = {"text": _TEXT, "label": _LABEL, "image": _IMAGE}


def _parquet(path: Path) -> Iterator[Caption]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is no Parquet file: {error}") from error
    wanted = [name for name in file.schema_arrow.names if name in (*_TEXT, *_LABEL, *_IMAGE)]
    if not set(wanted) & set(_TEXT):
        raise InputError(f"{path} has no column of captions ({', '.join(_TEXT)}); it has {file.schema_arrow.names}")
    number = 0
    for batch in file.iter_batches(columns=wanted):
        for row in batch.to_pylist():
            if any(row.get(name) is not None for name in _TEXT):
                yield from _of_record(path, row, f"row {number}")
            number += 1


def _folder(folder: Path) -> list[Caption]:
    from zorse.data.images import find_images
    from zorse.semantics.files import read_lines

    rows: list[Caption] = []
    for ref in find_images(folder):
        image = Path(str(ref.source))
        beside = image.with_suffix(".txt")
        if beside.is_file():
            rows += [Caption(line, "", image) for _, line in read_lines(beside)]
        elif image.parent != folder:
            name = image.parent.name.replace("_", " ")
            rows.append(Caption(name, name, image))
    if not rows:
        raise InputError(f"{folder} holds images, but no captions; put a .txt beside each, or a captions.jsonl")
    return rows


def build_memory(
    source: str | os.PathLike | list[Caption],
    out: str | os.PathLike,
    model: Any = "mini",
    *,
    store: str | os.PathLike | None = None,
    batch_size: int = 32,
    jobs: int | None = None,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
) -> Memory:
    """Embed a corpus once and write it to the folder ``out``.

    A run that breaks off goes on from where it was: embeddings are kept in ``store``, or in a folder inside ``out``
    that is removed at the end. The memory appears whole or not at all; an older one in ``out`` answers until then.

    Raises
    ------
    InputError
        If the captions can't be read, or an image can't.
    CapabilityError
        If the model has no text tower.
    """
    from zorse.encoders import load_encoder
    from zorse.encoders.store import EmbeddingStore

    rows = read_captions(source) if isinstance(source, str | os.PathLike) else source
    encoder: Any = load_encoder(os.fspath(model), device=device) if isinstance(model, str | os.PathLike) else model
    if not hasattr(encoder, "encode_text"):
        raise CapabilityError(f"model {encoder.name!r} has no text tower, so it cannot read captions")
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotAvailableError(f"cannot make the folder {out}: {error.strerror or error}") from error
    scratch = out / ".building"
    with ExitStack() as held:
        kept = held.enter_context(EmbeddingStore(store or scratch))
        if not kept.writable:  # a second pass over the texts would encode them again
            kept = held.enter_context(EmbeddingStore(scratch))
        shape, done = (len(rows), int(encoder.dim)), 0
        for block in _texts(rows):
            _encoded(encoder, block, kept)
            done += len(block)
            if progress is not None:
                progress(done)
        parts = {"text": (shape, (_encoded(encoder, block, kept) for block in _texts(rows)))}
        if all(row.image is not None for row in rows):
            parts["image"] = (shape, _images(rows, encoder, kept, batch_size, jobs))
        labels = [row.label for row in rows]
        write_memory(
            out,
            parts,
            texts=[row.text for row in rows],
            labels=labels if any(labels) else None,
            model=encoder.name,
            fingerprint=encoder.fingerprint,
            text_fingerprint=encoder.text_fingerprint,
        )
    shutil.rmtree(scratch, ignore_errors=True)
    memory = Memory.open(out)
    if len(memory) >= Memory.EXACT_BELOW:
        for by in parts:
            memory._lists(by)
    return memory


def _texts(rows: list[Caption]) -> Iterator[list[str]]:
    stream = iter(rows)
    while block := list(islice(stream, BLOCK)):
        yield [row.text for row in block]


def _encoded(encoder: Any, texts: list[str], store: EmbeddingStore) -> np.ndarray:
    from zorse.encoders.store import encode_text

    return encode_text(encoder, texts, store)


def _images(rows: list[Caption], encoder: Any, store: EmbeddingStore, batch_size: int, jobs: int | None):
    """Blocks of image vectors, a row each; an image with several captions is encoded once."""
    from zorse.jobs.embed import embed_stream

    paths = [str(row.image) for row in rows]
    distinct = list(dict.fromkeys(paths))
    found: dict[str, np.ndarray] = {}
    with closing(embed_stream(distinct, encoder, store=store, batch_size=batch_size, jobs=jobs)) as stream:
        for path, item in zip(distinct, stream, strict=True):
            if item.vector is None:
                raise InputError(f"{item.key} could not be read: {item.error}")
            found[path] = item.vector
    for start in range(0, len(paths), 8192):
        yield np.stack([found[path] for path in paths[start : start + 8192]])
