"""MATLAB files of version 5 to 7 and 7.3: small variables whole, a large matrix a few columns at a time."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import error as StructError
from struct import unpack
from typing import Any, BinaryIO

import numpy as np

from zorse.core.errors import InputError, MissingDependencyError

_HDF5 = b"\x89HDF\r\n\x1a\n"
# Type numbers of the format's own description ("MAT-File Format", MathWorks, table 1-1).
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_BLOCK = 1 << 23  # bytes read at a time


class MatFile:
    """A .mat file. Numbers come as arrays of the shape MATLAB shows, cells of text as lists of str.

    Raises
    ------
    InputError
        If the file is not there, is no such file or is damaged.
    MissingDependencyError
        If it is of version 7.3, which is HDF5, and h5py is not installed.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            with self.path.open("rb") as file:
                head = file.read(2056)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror or error}") from error
        self.is_hdf5 = any(head[at : at + 8] == _HDF5 for at in (0, 512, 1024, 2048))
        if not self.is_hdf5 and head[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
            raise InputError(f"{self.path} is no MATLAB file of version 5 to 7.3")
        if self.is_hdf5:
            _h5py()

    def read(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of ``names`` that the file has."""
        with self._damage_is_told():
            if self.is_hdf5:
                with _h5py().File(self.path) as file:
                    return {name: _value(file, file[name]) for name in names if name in file}
            from scipy.io import loadmat

            found = loadmat(self.path, variable_names=list(names))
            return {name: _plain(found[name]) for name in names if name in found}

    def shape(self, name: str) -> tuple[int, int]:
        """Rows and columns of a matrix, as MATLAB shows them.

        Raises
        ------
        InputError
            If the file has no numeric matrix of that name.
        """
        with self._damage_is_told():
            if self.is_hdf5:
                with _h5py().File(self.path) as file:
                    held = self._dataset(file, name)
                    return held.shape[1], held.shape[0]
            with self.path.open("rb") as file:
                return self._find(file, name)[1]

    def columns(self, name: str) -> Iterator[tuple[int, np.ndarray]]:
        """Columns of a real matrix as pairs (number of the first, array of shape (m, rows)), a few at a time.

        No more than one such block is held, however large the matrix is and whether it is compressed or not.
        """
        with self._damage_is_told():
            if self.is_hdf5:
                yield from self._hdf5_columns(name)
                return
            with self.path.open("rb") as file:
                stream, (rows, n), order = self._find(file, name)
                kind, n_bytes, stream = _tag(stream, order)
                if kind not in _TYPES:
                    raise InputError(f"{self.path}: {name!r} holds no plain numbers")
                dtype = np.dtype(order + _TYPES[kind])
                if n_bytes != rows * n * dtype.itemsize:
                    raise ValueError(f"{name!r} has {n_bytes} bytes for {rows} x {n} numbers")
                step = max(1, _BLOCK // max(1, rows * dtype.itemsize))
                for start in range(0, n, step):
                    m = min(step, n - start)
                    yield start, np.frombuffer(_exactly(stream, m * rows * dtype.itemsize), dtype).reshape(m, rows)

    def _find(self, file: BinaryIO, name: str) -> tuple[BinaryIO, tuple[int, int], str]:
        """A stream that stands before the numbers of ``name``, its rows and columns, and the order of bytes."""
        file.seek(126)
        order = "<" if file.read(2) == b"IM" else ">"
        while len(head := file.read(8)) == 8:
            kind, n_bytes = unpack(f"{order}II", head)
            after = file.tell() + n_bytes
            stream: BinaryIO = file
            if kind == _COMPRESSED:
                stream = io.BufferedReader(_Inflated(file, n_bytes), _BLOCK)
                kind, _ = unpack(f"{order}II", _exactly(stream, 8))
            if kind == _MATRIX:
                flags = unpack(f"{order}II", _element(stream, order)[:8])[0]
                shape = np.frombuffer(_element(stream, order), f"{order}i4")
                if _element(stream, order).decode("ascii", "replace") == name:
                    if not 6 <= flags & 0xFF <= 15 or flags & 0x0800 or len(shape) != 2:
                        raise InputError(f"{self.path}: {name!r} is no full matrix of real numbers")
                    return stream, (int(shape[0]), int(shape[1])), order
            file.seek(after)
        raise InputError(f"{self.path} has no {name!r}")

    def _hdf5_columns(self, name: str) -> Iterator[tuple[int, np.ndarray]]:
        with _h5py().File(self.path) as file:
            held = self._dataset(file, name)
            n, rows = held.shape
            whole = held.chunks[0] if held.chunks else 1  # a chunk is unpacked as a whole: once, then
            step = max(whole, _BLOCK // max(1, rows * held.dtype.itemsize) // whole * whole)
            for start in range(0, n, step):
                yield start, held[start : start + step]

    def _dataset(self, file: Any, name: str) -> Any:
        if name not in file:
            raise InputError(f"{self.path} has no {name!r}")
        held = file[name]
        if getattr(held, "ndim", 0) != 2 or held.dtype.kind not in "iuf" or "MATLAB_empty" in held.attrs:
            raise InputError(f"{self.path}: {name!r} is no full matrix of real numbers")
        return held

    @contextmanager
    def _damage_is_told(self) -> Iterator[None]:
        from scipy.io.matlab import MatReadError

        try:
            yield
        except InputError:
            raise
        except (
            *(OSError, EOFError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, RuntimeError),
            *(OverflowError, StructError, zlib.error, MatReadError),
        ) as error:
            raise InputError(f"{self.path} is damaged: {error}") from error


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


def _exactly(stream: BinaryIO, n: int) -> bytes:
    found = stream.read(n)
    if len(found) != n:
        raise EOFError("it ends too early")
    return found


def _tag(stream: BinaryIO, order: str) -> tuple[int, int, BinaryIO]:
    """Type and size of the next element, and the stream that its data comes from."""
    head = _exactly(stream, 8)
    kind, n_bytes = unpack(f"{order}II", head)
    if kind >> 16:  # up to four bytes of data lie in the tag itself
        return kind & 0xFFFF, kind >> 16, io.BytesIO(head[4:])
    return kind, n_bytes, stream


def _element(stream: BinaryIO, order: str) -> bytes:
    """Data of the next small element, its padding passed over."""
    _, n_bytes, source = _tag(stream, order)
    if n_bytes > 1 << 16:
        raise ValueError(f"an element of {n_bytes} bytes where a name or a size should be")
    found = _exactly(source, n_bytes)
    if source is stream:
        _exactly(stream, -n_bytes % 8)
    return found


def _plain(value: np.ndarray) -> Any:
    """Cells and rows of characters as a list of text, numbers as they are."""
    if value.dtype.kind == "O":
        return [str(np.ravel(cell)[0]).strip() if np.size(cell) else "" for cell in value.ravel(order="F")]
    return [str(text).strip() for text in value.ravel()] if value.dtype.kind in "US" else value


def _value(file: Any, held: Any) -> Any:
    """The same, out of HDF5, where MATLAB keeps its matrices with the axes the other way round."""
    if held.dtype == _h5py().ref_dtype:
        return [_text(file[cell]) for cell in held[()].ravel()]
    if "MATLAB_empty" in held.attrs:
        return np.zeros(tuple(int(n) for n in held[()].ravel()))
    if held.attrs.get("MATLAB_class") == b"char":
        return ["".join(map(chr, row)).strip() for row in held[()].T]
    return held[()].T


def _text(held: Any) -> str:
    if held.dtype == _h5py().ref_dtype:  # a cell within a cell
        return _text(held.file[held[()].ravel()[0]])
    return "" if "MATLAB_empty" in held.attrs else "".join(chr(c) for c in held[()].ravel()).strip()


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError("h5py", "hdf5", "reading a MATLAB file of version 7.3") from error
    return h5py
