"""Images packed in tar shards and Parquet tables, read one after the other."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from zorse.core.errors import InputError
from zorse.core.image import ImageError
from zorse.data.image_ref import IMAGE_SUFFIXES, ImageRef, Slice, failed, in_file

_PACKED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
_FIRST = (".jpg", ".jpeg", ".webp", ".png")  # of a sample's images the photograph; .png beside .jpg is a mask
_LABELS = ("class", "label", "class_name", "category", "cls")
_MAX_BYTES = 1 << 30


def tar_images(path: Path) -> Iterator[ImageRef]:
    """Images of a tar, compressed or not; a damaged end is one more reference, with its error.

    Members in a row whose names agree up to the first dot are one sample with one image; its label is told by
    ``.cls``, ``.json`` (``class``, ``label``, ...) or a one-line ``.txt``, else by the member's folder.
    """
    key = PurePosixPath()
    sample: dict[str, tuple[PurePosixPath, Any]] = {}
    names = _class_names(path)
    try:
        for name, content in _members(path):
            stem, _, extension = name.name.lower().partition(".")
            of = name.with_name(stem)
            if name.suffix.lower() in IMAGE_SUFFIXES and "." in extension:  # cat.1.jpg, or 0001.mask.png
                if of == key and any(s in IMAGE_SUFFIXES for s in sample):
                    continue
                of = name.with_suffix("")
                extension = extension.rpartition(".")[2]
            if of != key:
                yield from _sample(path, sample, names)
                key, sample = of, {}
            sample[f".{extension}"] = (name, content)
        yield from _sample(path, sample, names)
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        yield from _sample(path, sample, names)
        yield failed(path, f"broken tar ({error})")


def _members(path: Path) -> Iterator[tuple[PurePosixPath, Any]]:
    """Name and content of the images and labels in a tar; of a plain tar an image is only located."""
    with path.open("rb") as file:
        unpack = _PACKED.get(file.read(2))
    with (
        unpack(path) if unpack else path.open("rb") as file,
        tarfile.open(fileobj=file, mode="r|" if unpack else "r:") as tar,
    ):
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # it would remember every member
            name = PurePosixPath(member.name)
            if not member.isreg() or member.issparse() or name.name.startswith("."):
                continue
            suffix = name.suffix.lower()
            if suffix in IMAGE_SUFFIXES and not unpack:
                yield name, Slice(path, member.offset_data, member.size)
            elif member.size > (_MAX_BYTES if suffix in IMAGE_SUFFIXES else 1 << 20):
                yield name, ImageError("larger than 1 GiB", path / name)
            elif suffix in IMAGE_SUFFIXES or suffix in (".cls", ".json", ".txt"):
                content = tar.extractfile(member)
                yield name, content.read() if content else b""


def _sample(path: Path, sample: dict[str, tuple[PurePosixPath, Any]], names: list[str]) -> Iterator[ImageRef]:
    images = [s for s in (*_FIRST, *sorted(sample)) if s in sample and s in IMAGE_SUFFIXES]
    if images:
        name, content = sample[images[0]]
        siblings = {s: c for s, (_, c) in sample.items() if isinstance(c, bytes) and s not in IMAGE_SUFFIXES}
        yield ImageRef(str(path / name), content, _label(siblings, names) or name.parent.name or None)


def _label(siblings: dict[str, bytes], names: list[str]) -> str | None:
    texts = {suffix: content.decode("utf-8", "replace").strip() for suffix, content in siblings.items()}
    label: Any = texts.get(".cls")
    if label is None and ".json" in texts:
        try:
            fields = json.loads(texts[".json"])
        except ValueError:
            fields = None
        if isinstance(fields, dict):
            label = next((fields[k] for k in _LABELS if isinstance(fields.get(k), (str, int))), None)
    if label is None and "\n" not in texts.get(".txt", "\n"):
        label = texts[".txt"]
    label = None if label is None else str(label)
    return names[int(label)] if label and label.isdecimal() and int(label) < len(names) else label


def _class_names(path: Path) -> list[str]:
    """``classnames.txt`` beside the shard or one folder above it, which gives a number in ``.cls`` its name."""
    for folder in path.absolute().parents[:2]:
        if (folder / "classnames.txt").is_file():
            return (folder / "classnames.txt").read_text("utf-8").splitlines()
    return []


_IMAGES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "bytes", "content", "data")
_PATHS = ("path", "image_path", "img_path", "file_name", "filename", "filepath", "file")


def parquet_rows(path: Path) -> int:
    """How many rows a table of images has.

    Raises
    ------
    InputError
        If it is not Parquet or has no column of images.
    """
    with _opened(path) as table:
        _columns(table.schema_arrow, path)
        return table.metadata.num_rows


def parquet_images(path: Path) -> Iterator[ImageRef]:
    """Rows of a table with a column of images (bytes, ``{bytes, path}`` as Hugging Face writes them, or paths)."""
    import pyarrow as pa

    try:
        with _opened(path) as table:
            image, label, names = _columns(table.schema_arrow, path)
            row = 0
            for batch in table.iter_batches(batch_size=32, columns=[image, *([label] if label else [])]):
                labels = batch.column(label).to_pylist() if label else [None] * len(batch)
                for value, told in zip(batch.column(image), labels):
                    key = f"{path}#{row}"
                    row += 1
                    hint = None if told is None else str(told)
                    if names and isinstance(told, int) and 0 <= told < len(names):
                        hint = names[told]
                    yield _row(key, value.as_py(), hint, path)
    except (pa.ArrowException, OSError) as error:
        raise ImageError(f"broken Parquet ({str(error).splitlines()[0]})", path) from error
    except InputError as error:
        raise ImageError(str(error).removeprefix(f"{path}: "), path) from error


def _row(key: str, value: Any, hint: str | None, path: Path) -> ImageRef:
    inside = value.get("path") if isinstance(value, dict) else value if isinstance(value, str) else None
    content = value.get("bytes") if isinstance(value, dict) else value if isinstance(value, bytes) else None
    if content is not None:
        return ImageRef(key, content, hint)
    if inside:
        file = in_file(path.parent / inside)
        return ImageRef(key, file.source, hint or file.label_hint)
    return failed(key, "no image in this row")


def _opened(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a Parquet file ({str(error).splitlines()[0]})") from error


def _columns(schema: Any, path: Path) -> tuple[str, str | None, list[str]]:
    """Name of the image column, of the label column, and the label's names where it is a number."""
    import pyarrow.types as of

    def holds_images(kind: Any) -> bool:
        if of.is_struct(kind):
            return kind.get_field_index("bytes") >= 0 or kind.get_field_index("path") >= 0
        return of.is_binary(kind) or of.is_large_binary(kind)

    def holds_text(kind: Any) -> bool:
        return of.is_string(kind) or of.is_large_string(kind)

    columns = {name: schema.field(name).type for name in schema.names}
    images = [name for name in (*_IMAGES, *columns) if name in columns and holds_images(columns[name])]
    images += [name for name in (*_IMAGES, *_PATHS) if name in columns and holds_text(columns[name])]
    if not images:
        raise InputError(f"{path}: no column of images (bytes, {{bytes, path}} or paths) among {', '.join(columns)}")
    label = next((n for n in _LABELS if n in columns and (holds_text(columns[n]) or of.is_integer(columns[n]))), None)
    names: list[str] = []
    if label and (told := (schema.metadata or {}).get(b"huggingface")):
        features = json.loads(told).get("info", {}).get("features", {})
        names = (features.get(label) or {}).get("names") or []
    return images[0], label, names
