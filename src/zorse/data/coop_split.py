"""The split files of CoOp's layout: which images of a data set are for training, validation and testing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zorse.core.errors import InputError, NotAvailableError

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitPart:
    """Images of one part.

    Attributes
    ----------
    images : tuple of n Path
    keys : tuple of n str
        Their paths as the file has them: what identifies a sample, whatever folder it lies in.
    y : ndarray of shape (n,), str
        Class names.
    """

    images: tuple[Path, ...]
    keys: tuple[str, ...]
    y: np.ndarray


@dataclass(frozen=True)
class CoOpSplit:
    """A split, with its classes in the file's own order.

    Attributes
    ----------
    train, val, test : SplitPart
    classes : tuple of str
        By the numbers that the file gives them.
    """

    train: SplitPart
    val: SplitPart
    test: SplitPart
    classes: tuple[str, ...]


def read_coop_split(path: str | Path, images: str | Path | None = None) -> CoOpSplit:
    """Read a file such as ``split_zhou_Caltech101.json``: ``{"train": [[path, number, name], ...], "val": ..., ...}``.

    Parameters
    ----------
    path : path
    images : path, optional
        The folder that the file's paths start from; default the folder of the file.

    Raises
    ------
    NotAvailableError
        If there is no such file.
    InputError
        If it is no such split: a part is missing, an entry is not of three, a path leads out of the folder, a number
        has two names or a name two numbers, or an image is in two parts. It names the part and the entry.
    """
    path = Path(path)
    folder = path.parent if images is None else Path(images)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotAvailableError(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a JSON file: {error}") from error
    if not isinstance(told, dict) or any(not isinstance(told.get(part), list) for part in PARTS):
        raise InputError(f"{path} is no split of CoOp's layout: expected lists called {', '.join(PARTS)}")
    names: dict[int, str] = {}
    numbers: dict[str, int] = {}
    home: dict[str, str] = {}
    parts = {}
    for part in PARTS:
        for i, entry in enumerate(told[part]):
            where = f"{path}, {part}, entry {i}"
            ok = isinstance(entry, list) and list(map(type, entry)) == [str, int, str]
            if not ok:
                raise InputError(f"{where}: expected [path, number, class name]; got {str(entry)[:80]}")
            key, number, name = entry
            if Path(key).is_absolute() or ".." in Path(key).parts:
                raise InputError(f"{where}: {key!r} leads out of the folder of images")
            if names.setdefault(number, name) != name:
                raise InputError(f"{where}: number {number} is {name!r}, and {names[number]!r} before")
            if numbers.setdefault(name, number) != number:
                raise InputError(f"{where}: {name!r} has number {number}, and {numbers[name]} before")
            if home.setdefault(key, part) != part:
                raise InputError(f"{where}: {key!r} is in {home[key]} as well")
        keys = tuple(entry[0] for entry in told[part])
        y = np.array([entry[2] for entry in told[part]], dtype=np.str_)
        parts[part] = SplitPart(tuple(folder / key for key in keys), keys, y)
    return CoOpSplit(**parts, classes=tuple(names[number] for number in sorted(names)))
