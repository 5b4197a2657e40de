"""MATLAB files of version 5 to 7, by the letter of "MAT-File Format" (MathWorks).

scipy reads them too, but holds a matrix as a whole, and a damaged file can end the process instead of the call.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator
from struct import unpack
from typing import Any, BinaryIO

import numpy as np

# Type numbers of table 1-1.
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15
BLOCK = 1 << 23  # bytes read at a time


def elements(file: BinaryIO) -> Iterator[Element]:
    """Every matrix of the file, read up to its data."""
    size = file.seek(0, 2)
    file.seek(126)
    order = "<" if file.read(2) == b"IM" else ">"
    while len(head := file.read(8)) == 8:
        kind, n_bytes = unpack(f"{order}II", head)
        after = file.tell() + n_bytes
        if after > size:
            raise EOFError("it ends too early")
        stream: BinaryIO = file
        if kind == _COMPRESSED:
            stream = io.BufferedReader(_Inflated(file, n_bytes), BLOCK)
            kind, n_bytes = unpack(f"{order}II", exactly(stream, 8))
        if kind == _MATRIX and n_bytes:
            yield Element(stream, order)
        file.seek(after)


class Element:
    """A matrix, read up to its data.

    Attributes
    ----------
    name : str
    shape : tuple of int
        As MATLAB shows it.
    size : int
        Number of entries.
    stream : binary file
        Stands before the data.
    """

    def __init__(self, stream: BinaryIO, order: str):
        self.stream, self.order = stream, order
        flags = unpack(f"{order}II", self._small()[:8])[0]
        shape = np.frombuffer(self._small(), f"{order}i4")
        if (shape < 0).any():
            raise ValueError(f"a matrix of shape {shape.tolist()}")
        self.kind, self.is_complex = flags & 0xFF, bool(flags & 0x0800)
        self.shape: tuple[int, ...] = tuple(int(n) for n in shape)
        self.size = math.prod(self.shape)
        self.name = self._small().decode("ascii", "replace")

    @property
    def is_numeric(self) -> bool:
        """Whether it is a full matrix of real numbers."""
        return 6 <= self.kind <= 15 and not self.is_complex and len(self.shape) == 2

    @property
    def is_text(self) -> bool:
        """Whether it is rows of characters."""
        return self.kind == 4 and len(self.shape) == 2

    @property
    def is_cell(self) -> bool:
        """Whether it is cells."""
        return self.kind == 1

    def numbers(self) -> np.dtype:
        """The type that the numbers are kept in, which may be smaller than MATLAB shows; they come next."""
        kind, n_bytes, self.stream = _tag(self.stream, self.order)
        if kind not in _TYPES:
            raise ValueError(f"{self.name!r} holds no plain numbers")
        dtype = np.dtype(self.order + _TYPES[kind])
        if n_bytes != self.size * dtype.itemsize:
            raise ValueError(f"{self.name!r} has {n_bytes} bytes for {self.size} numbers")
        return dtype

    def texts(self, depth: int = 0) -> list[str]:
        """Rows of characters, or the text of every cell; of a cell within a cell the first."""
        if self.is_text:
            return self._rows()
        if not self.is_cell or depth > 4:
            raise ValueError(f"{self.name!r} holds cells of other things than text")
        return [self._cell(depth) for _ in range(self.size)]

    def _cell(self, depth: int) -> str:
        kind, n_bytes = unpack(f"{self.order}II", exactly(self.stream, 8))
        if kind != _MATRIX:
            raise ValueError(f"a cell of type {kind}")
        if not n_bytes:
            return ""
        held = io.BytesIO(exactly(self.stream, n_bytes))
        inner = Element(held, self.order)
        return next(iter(inner.texts(depth + 1)), "") if inner.size else ""

    def _rows(self) -> list[str]:
        kind, n_bytes, source = _tag(self.stream, self.order)
        endian = "le" if self.order == "<" else "be"
        codec = {1: "latin-1", 2: "latin-1", 4: f"utf-16-{endian}", 16: "utf-8", 17: f"utf-16-{endian}"}.get(kind)
        if codec is None:
            raise ValueError(f"characters of type {kind}")
        if self.size > n_bytes:
            raise ValueError(f"{n_bytes} bytes for {self.size} characters")
        text = exactly(source, n_bytes).decode(codec)
        rows = self.shape[0]
        return [text[row::rows].strip() for row in range(rows)]

    def _small(self) -> bytes:
        """Data of the next short element, its padding passed over."""
        _, n_bytes, source = _tag(self.stream, self.order)
        if n_bytes > 1 << 16:
            raise ValueError(f"an element of {n_bytes} bytes where a name or a size should be")
        found = exactly(source, n_bytes)
        if source is self.stream:
            exactly(self.stream, -n_bytes % 8)
        return found


def exactly(stream: BinaryIO, n: int) -> bytes:
    """The next ``n`` bytes; EOFError if there are fewer."""
    parts, left = [], n
    while left and (part := stream.read(min(left, BLOCK))):  # a wrong size must not claim memory
        parts.append(part)
        left -= len(part)
    if left:
        raise EOFError("it ends too early")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _tag(stream: BinaryIO, order: str) -> tuple[int, int, BinaryIO]:
    """Type and size of the next element, and the stream that its data comes from."""
    head = exactly(stream, 8)
    kind, n_bytes = unpack(f"{order}II", head)
    if kind >> 16:  # up to four bytes of data lie in the tag itself
        return kind & 0xFFFF, kind >> 16, io.BytesIO(head[4:])
    return kind, n_bytes, stream


class _Inflated(io.RawIOBase):
    """The first ``n_bytes`` of ``file``, unpacked as they are asked for."""

    def __init__(self, file: BinaryIO, n_bytes: int):
        self.file, self.left, self.unpack = file, n_bytes, zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.unpack.eof:
            packed = self.unpack.unconsumed_tail
            if not packed and self.left:
                packed = self.file.read(min(1 << 16, self.left))
                self.left -= len(packed)
            unpacked = self.unpack.decompress(packed, len(buffer))
            if unpacked:
                buffer[: len(unpacked)] = unpacked
                return len(unpacked)
            if not packed:
                break
        return 0
