"""MATLAB files of version 5 to 7 and 7.3: small variables whole, a large matrix a few columns at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import error as StructError
from typing import Any, BinaryIO

import numpy as np

from zorse.core.errors import InputError, MissingDependencyError
from zorse.data.matlab5 import BLOCK, Element, elements, exactly

_HDF5 = b"\x89HDF\r\n\x1a\n"


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
            wanted = set(names)
            with self.path.open("rb") as file:
                return {element.name: self._plain(element) for element in elements(file) if element.name in wanted}

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
                rows, columns = self._find(file, name).shape
                return rows, columns

    def columns(self, name: str) -> Iterator[tuple[int, np.ndarray]]:
        """Columns of a real matrix as pairs (number of the first, array of shape (m, rows)), a few at a time.

        No more than one such block is held, however large the matrix is and whether it is compressed or not.
        """
        with self._damage_is_told():
            if self.is_hdf5:
                yield from self._hdf5_columns(name)
                return
            with self.path.open("rb") as file:
                element = self._find(file, name)
                rows, n = element.shape
                dtype = element.numbers()
                step = max(1, BLOCK // max(1, rows * dtype.itemsize))
                for start in range(0, n, step):
                    m = min(step, n - start)
                    block = exactly(element.stream, m * rows * dtype.itemsize)
                    yield start, np.frombuffer(block, dtype).reshape(m, rows)

    def _find(self, file: BinaryIO, name: str) -> Element:
        for element in elements(file):
            if element.name == name:
                if not element.is_numeric:
                    raise InputError(f"{self.path}: {name!r} is no full matrix of real numbers")
                return element
        raise InputError(f"{self.path} has no {name!r}")

    def _plain(self, element: Element) -> Any:
        """Cells and rows of characters as a list of text, numbers as an array."""
        if element.is_text or element.is_cell:
            return element.texts()
        if not element.is_numeric:
            raise InputError(f"{self.path}: {element.name!r} is no full matrix of real numbers, nor text")
        dtype = element.numbers()
        data = exactly(element.stream, element.size * dtype.itemsize)
        return np.frombuffer(data, dtype).reshape(element.shape, order="F")

    def _hdf5_columns(self, name: str) -> Iterator[tuple[int, np.ndarray]]:
        with _h5py().File(self.path) as file:
            held = self._dataset(file, name)
            n, rows = held.shape
            whole = held.chunks[0] if held.chunks else 1  # a chunk is unpacked as a whole: once, then
            step = max(whole, BLOCK // max(1, rows * held.dtype.itemsize) // whole * whole)
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
        try:
            yield
        except InputError:
            raise
        except (
            *(OSError, EOFError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, RuntimeError),
            *(OverflowError, MemoryError, StructError, zlib.error),
        ) as error:
            raise InputError(f"{self.path} is damaged: {error}") from error


def _value(file: Any, held: Any) -> Any:
    """Text and numbers out of HDF5, where MATLAB keeps its matrices with the axes the other way round."""
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
