"""One image of a source, before it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zorse.core.image import ImageError, read_bytes

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif", ".heic", ".heif"),
)


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of a file, read when its turn comes."""

    path: Path
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One image of a source, not opened yet.

    Attributes
    ----------
    key : str
        What to call it: a path, ``shard.tar/member``, ``table.parquet#row``, or ``#position`` for a Python object.
    source : Path, Slice, bytes, PIL image, ndarray or ImageError
        Where its content is; an error if that is known to be unreadable.
    label_hint : str or None
        What the source says it shows: the name of the folder it lies in; in a shard its ``.cls``, ``.json`` or
        one-line ``.txt``; in a table its label column.
    """

    key: str
    source: Any
    label_hint: str | None = None

    def read(self) -> Any:
        """Bytes, a PIL image or an array, for ``open_image``; an ImageError where there is nothing to read."""
        if isinstance(self.source, ImageError):
            raise self.source
        if isinstance(self.source, Path):
            return read_bytes(self.source)
        if isinstance(self.source, Slice):
            try:
                with self.source.path.open("rb") as file:
                    file.seek(self.source.start)
                    return file.read(self.source.size)
            except OSError as error:
                raise ImageError((error.strerror or str(error)).lower(), self.key) from error
        return self.source


def in_file(path: Path) -> ImageRef:
    """An image that is a file of its own; the folder's name is its label hint."""
    return ImageRef(str(path), path, path.absolute().parent.name or None)


def failed(key: object, reason: object) -> ImageRef:
    """An entry that cannot be read."""
    return ImageRef(str(key), ImageError(str(reason), key))
