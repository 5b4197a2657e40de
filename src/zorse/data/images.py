"""Where images come from: files, folders, globs, lists of paths, tar shards, Parquet, and Python objects."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from zorse.core.errors import InputError
from zorse.core.image import ImageError
from zorse.data.image_ref import IMAGE_SUFFIXES, ImageRef, failed, in_file

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_TABLES = (".parquet",)
_LISTS = (".txt", ".lst")


class ImageSource:
    """Images one after the other, always in the same order; nothing is opened before its turn.

    Made by :func:`find_images`. It can be gone through again, unless it was made from an iterator.
    """

    def __init__(self, sources: Any, recursive: bool = True):
        if isinstance(sources, np.ndarray) and sources.ndim == 4:
            sources = list(sources)
        if isinstance(sources, (str, bytes, bytearray, memoryview, os.PathLike, Image, np.ndarray, Mapping)):
            sources = [sources]
        if not isinstance(sources, Iterable) or hasattr(sources, "detach"):
            raise InputError(f"expected paths, bytes, PIL images or arrays, got {type(sources).__name__}")
        self.sources = sources
        self.recursive = recursive
        if isinstance(sources, Sequence):
            _check(sources)

    def __iter__(self) -> Iterator[ImageRef]:
        found = False
        named: list[str] = []
        for position, source in enumerate(self.sources):
            for ref in self._refs(source, position):
                found = True
                yield ref
            if not found and len(named) < 4:
                named.append(str(source))
        if not found:
            where = " or ".join(named) or "an empty list"
            raise InputError(f"no images found in {where}; looked for {' '.join(IMAGE_SUFFIXES)}, tar and Parquet")

    def count(self) -> int | None:
        """How many images, where that is cheap to know; None for iterators and tar shards."""
        if not isinstance(self.sources, Sequence):
            return None
        total = 0
        for source in self.sources:
            for path in expand(source) if isinstance(source, (str, os.PathLike)) else [None]:
                n = 1 if path is None else sum(1 for _ in self._images(path)) if path.is_dir() else _count(path)
                if not n:  # a tar shard, or a folder of shards
                    return None
                total += n
        return total

    def _refs(self, source: Any, position: int) -> Iterator[ImageRef]:
        label = None
        if isinstance(source, Mapping) and "image" in source:  # a row of a Hugging Face data set
            label = source.get("label")
            source = source["image"]
        if isinstance(source, Mapping):
            source = source.get("bytes") or source.get("path")
        if isinstance(source, (str, os.PathLike)):
            for path in expand(source):
                yield from self._path(path)
        elif isinstance(source, ImageRef):
            yield source
        elif isinstance(source, (bytes, bytearray, memoryview, Image, np.ndarray)):
            name = getattr(source, "filename", "") if isinstance(source, Image) else ""
            yield ImageRef(str(name or f"#{position}"), source, None if label is None else str(label))
        else:
            hint = "; pass x.permute(1, 2, 0).numpy()" if hasattr(source, "detach") else ""
            told = f"expected a path, bytes, a PIL image or an array, got {type(source).__name__}{hint}"
            raise InputError(f"image {position}: {told}")

    def _path(self, path: Path) -> Iterator[ImageRef]:
        if not path.is_dir():
            yield from _file(path)
            return
        found = False
        for ref in self._images(path):
            found = True
            yield ref
        if not found:  # a folder of shards; beside images a shard is taken for somebody's archive of them
            for ref in walk(path, (*_TARS, *_TABLES), self.recursive):
                yield from _file(ref.source) if isinstance(ref.source, Path) else (ref,)

    def _images(self, folder: Path) -> Iterator[ImageRef]:
        return walk(folder, IMAGE_SUFFIXES, self.recursive)


def find_images(sources: Any, recursive: bool = True) -> ImageSource:
    """Images of files, folders, globs, shards, tables, lists and Python objects.

    Parameters
    ----------
    sources : path, bytes, PIL.Image.Image, ndarray, or a list or iterator of these
        A folder gives its images by suffix, sorted, with its sub-folders, without hidden files, each real folder once;
        a folder without images gives its shards. A glob (``**`` too) gives the images and shards among what it
        matches. ``{0000..0099}`` counts. A ``.txt`` or ``.lst`` file lists paths, relative to itself. A ``.tar``,
        compressed or not, is read as WebDataset does: members that share a key up to the first dot are one sample, with
        one image. Of a ``.parquet`` the image column is found by name and type: bytes, ``{bytes, path}`` or paths.
        An array (n, h, w, 3) is n images. Any other file is taken for an image.
    recursive : bool
        Whether to look into sub-folders.

    Returns
    -------
    ImageSource
        An iterable of :class:`ImageRef`. Going through it raises InputError where there are no images at all.

    Raises
    ------
    InputError
        If a path in a list does not exist, naming the nearest that does; if a Parquet file has no image column.
    """
    return ImageSource(sources, recursive)


def expand(source: str | os.PathLike) -> list[Path]:
    """The paths that a path, a glob or ``{0..9}`` stands for; what does not exist stands for itself."""
    path = Path(source).expanduser()
    text = str(path)
    if path.is_symlink() or path.exists():
        return [path]
    if counted := re.search(r"\{(\d+)\.\.(\d+)\}", text):
        first, last = counted.groups()
        numbers = (f"{n:0{len(first)}d}" for n in range(int(first), int(last) + 1))
        return [p for n in numbers for p in expand(text[: counted.start()] + n + text[counted.end() :])]
    if not has_magic(text):
        return [path]
    wanted = (*IMAGE_SUFFIXES, *_TARS, *_TABLES, *filter(None, [path.suffix.lower()]))
    matched = map(Path, sorted(glob(text, recursive=True)))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    return [p for p in matched if (p.is_dir() and "**" not in text) or _ends(p, wanted)]


def walk(folder: Path, suffixes: tuple[str, ...], recursive: bool, seen: set[Path] | None = None) -> Iterator[ImageRef]:
    """Files of a folder by suffix, sorted; a folder that cannot be read is a reference with its error."""
    seen = set() if seen is None else seen
    real = folder.resolve()
    if real in seen:  # a link that leads back
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        yield failed(folder, (error.strerror or str(error)).lower())
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        if entry.is_dir():
            if recursive:
                yield from walk(entry, suffixes, recursive, seen)
        elif _ends(entry, suffixes) and (entry.is_file() or entry.is_symlink()):
            yield in_file(entry)


def _ends(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(suffixes)


def _file(path: Path) -> Iterator[ImageRef]:
    from zorse.data import shards

    try:
        if _ends(path, _TARS):
            yield from shards.tar_images(path)
        elif _ends(path, _TABLES):
            yield from shards.parquet_images(path)
        elif _ends(path, _LISTS):
            yield from map(in_file, _lines(path))
        else:
            yield in_file(path)
    except ImageError as error:
        yield failed(path, error.reason)


def _lines(path: Path) -> Iterator[Path]:
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            for line in file:
                if line.strip():
                    yield path.parent / Path(line.strip()).expanduser()
    except OSError as error:
        raise ImageError((error.strerror or str(error)).lower(), path) from error


def _count(path: Path) -> int | None:
    from zorse.data import shards

    if _ends(path, _TARS):
        return None
    if _ends(path, _TABLES):
        return shards.parquet_rows(path)
    return sum(1 for _ in _lines(path)) if _ends(path, _LISTS) else 1


def _check(sources: Sequence[Any]) -> None:
    """Say what is mistyped before anything is loaded."""
    from zorse.data import shards

    missing = []
    for source in sources:
        if not isinstance(source, (str, os.PathLike)):
            continue
        if str(source).startswith(("http:", "https:", "s3:", "gs:")):
            raise InputError(f"{source} is an address; images are read from files, so download it first")
        paths = expand(source)
        if not paths:
            raise InputError(f"no image or shard matches {source}")
        missing += [path for path in paths if not path.is_symlink() and not path.exists()]
        for path in paths:
            if _ends(path, _TABLES) and path.is_file():
                shards.parquet_rows(path)
    if missing:
        many = f" ({len(missing):,} of {len(sources):,} paths do not)" if len(missing) > 1 else ""
        raise InputError(f"{missing[0]} does not exist{many}{_nearest(missing[0])}")


def _nearest(path: Path) -> str:
    """The existing sibling whose name is most like the first part of ``path`` that is not there."""
    path = path.absolute()
    while not path.parent.is_dir() and path.parent != path:
        path = path.parent
    try:
        near = get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], n=1, cutoff=0.5)
    except OSError:
        near = []
    return f"; did you mean {path.parent / near[0]}?" if near else ""
