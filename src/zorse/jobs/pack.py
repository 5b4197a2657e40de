"""A task from loose files: features, labels, class vectors, and who is unseen."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.data.defects import Parts, defects
from zorse.data.task import ZeroShotTask
from zorse.semantics.files import kind_of, read_json, read_lines, read_text

_SETS = ("train", "test_seen", "test_unseen")


def task_from_files(
    features: str | Path,
    vectors: Sequence[str | Path],
    *,
    labels: str | Path | None = None,
    classes: str | Path | None = None,
    unseen: str | Path | None = None,
    split: str | Path | None = None,
    held_out: float = 0.2,
    random_state: int = 0,
    name: str = "",
) -> ZeroShotTask:
    """Put a task together from files.

    Parameters
    ----------
    features : path
        ``.npy`` (n, d), or ``.npz`` as ``zorse embed`` writes it (``vectors``), or with one array or ``features``.
    vectors : list of paths
        Class vectors, the first for ``ClassTable.vectors``, others for its views: ``.csv`` or ``.tsv``, a class a line
        with its label first; or ``.npy`` (c, k).
    labels : path, optional
        The label of each sample: text, one a line, a JSON list, or ``.npy``. Without it, the names of folders that
        ``zorse embed`` has noted.
    classes : path, optional
        Labels of the rows of ``.npy`` class vectors: text, JSON or ``.npy``.
    unseen : path, optional
        Labels of the unseen classes; of the others, a share ``held_out`` of the samples is for testing, drawn by
        ``random_state``.
    split : path, optional
        Instead: JSON ``{"train": [rows], "test_seen": [rows], "test_unseen": [rows]}``, rows from 0.

    Raises
    ------
    InputError
        If a file cannot be read, or the whole has a defect; the first is told, and how many more there are.
    """
    if (unseen is None) == (split is None):
        raise InputError("say who is unseen: give --unseen or --split, and not both")
    if not 0 <= held_out < 1:
        raise InputError(f"--held-out must be a share from 0 to below 1; got {held_out}")
    if not vectors:
        raise InputError("give --vectors: what is known about each class")
    X, hints = read_features(Path(features))
    y = read_column(Path(labels)) if labels is not None else hints
    if y is None:
        raise InputError(f"{features} says nothing about labels; give --labels")
    tables = [_vectors(Path(path), None if classes is None else read_column(Path(classes))) for path in vectors]
    named = tables[0][0]
    if named.dtype.kind == "U" and y.dtype.kind in "iu":
        y = y.astype(str)  # 3 in a .npy is the class "3" of a .csv
    parts: Parts = {"features": X, "labels": y, "class_labels": named, "class_vectors": tables[0][1]}
    for i, (other, view) in enumerate(tables[1:], 1):
        if sorted(other.tolist()) != sorted(named.tolist()):
            odd = sorted(set(other.tolist()) ^ set(named.tolist()), key=str)
            raise InputError(f"{vectors[i]} and {vectors[0]} are not about the same classes: {odd[0]!r} is in one only")
        parts[f"class_view_{i}"] = view[[other.tolist().index(label) for label in named.tolist()]]
    if split is not None:
        parts |= _split(Path(split))
    else:
        assert unseen is not None
        parts |= _drawn(y, named, read_column(Path(unseen)), unseen, held_out, random_state)
    found = defects(parts)
    if found:
        raise InputError(found[0] + (f" ({len(found) - 1} more)" if found[1:] else ""))
    views = tuple(parts[f"class_view_{i}"] for i in range(1, len(tables)))
    names = tuple(str(label) for label in named) if named.dtype.kind == "U" else None
    table = ClassTable(named, parts["class_vectors"], names, views=views or None)
    return ZeroShotTask(X, y, table, **{f"{part}_index": parts[f"{part}_index"] for part in _SETS}, name=name)


def read_features(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Samples (n, d) of ``.npy`` or ``.npz``, and the label hints beside them, if there are any."""
    held = _arrays(path)
    hints = held.get("label_hints")
    for key in ("features", "vectors"):
        if key in held:
            return held[key], hints
    if len(held) == 1:
        return next(iter(held.values())), None
    raise InputError(f"{path} holds {', '.join(held) or 'nothing'}; expected features, vectors or a single array")


def read_keys(path: Path) -> list[str] | None:
    """What ``zorse embed`` calls each sample of an ``.npz``; None if the file does not say."""
    keys = _arrays(path).get("keys") if path.suffix.lower() == ".npz" else None
    return None if keys is None else [str(key) for key in keys]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if path.suffix.lower() not in (".npy", ".npz"):
        raise InputError(f"cannot tell the format of {str(path)!r}; expected a name that ends in .npy or .npz")
    try:
        with path.open("rb") as file:
            held = np.load(file, allow_pickle=False)
            return dict(held) if path.suffix.lower() == ".npz" else {"features": held}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def read_column(path: Path) -> np.ndarray:
    """Labels: numbers from ``.npy``, text from everything else."""
    if path.suffix.lower() in (".npy", ".npz"):
        values = next(iter(_arrays(path).values()), np.zeros(0))
        if values.ndim != 1 or values.dtype.kind not in "iuU":
            raise InputError(f"{path} holds {values.dtype} of shape {values.shape}; expected labels of shape (n,)")
        return values
    if path.suffix.lower() == ".json":
        listed = read_json(path)
        if not isinstance(listed, list):
            raise InputError(f"{path} holds {kind_of(listed)}; expected a list of labels")
        return np.array([str(label) for label in listed])
    return np.array([line for _, line in read_lines(path)])


def _vectors(path: Path, classes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    if path.suffix.lower() in (".npy", ".npz"):
        if classes is None:
            raise InputError(f"{path} has no labels; give --classes, the labels of its rows")
        return classes, next(iter(_arrays(path).values()), np.zeros((0, 0)))
    rows = list(csv.reader(read_text(path).splitlines(), delimiter="\t" if path.suffix.lower() == ".tsv" else ","))
    numbered = [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]
    if numbered and any(_number(cell) is None for cell in numbered[0][1][1:]):  # a header
        numbered = numbered[1:]
    labels: list[str] = []
    vectors: list[list[float | None]] = []
    for number, row in numbered:
        values = [_number(cell) for cell in row[1:]]
        if None in values:
            raise InputError(f"{path}, line {number}: {row[1:][values.index(None)]!r} is no number")
        if not values or (vectors and len(values) != len(vectors[0])):
            wanted = f"expected {len(vectors[0])}" if vectors else "expected a label and numbers"
            raise InputError(f"{path}, line {number} has {len(values)} numbers; {wanted}")
        labels.append(row[0].strip())
        vectors.append(values)
    if not labels:
        raise InputError(f"{path} holds no class")
    return np.array(labels), np.array(vectors, dtype=np.float64)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _split(path: Path) -> Parts:
    held = read_json(path)
    if not isinstance(held, dict) or not set(held) <= set(_SETS) or not {"train", "test_unseen"} <= set(held):
        raise InputError(f"{path}: expected an object with train, test_seen and test_unseen, lists of rows")
    index: dict[str, Any] = {}
    for part in _SETS:
        rows = held.get(part, [])
        if not isinstance(rows, list) or not all(isinstance(row, int) and not isinstance(row, bool) for row in rows):
            raise InputError(f"{path}: {part} must be a list of row numbers")
        index[f"{part}_index"] = np.array(rows, dtype=np.intp)
    return index


def _drawn(y: np.ndarray, named: np.ndarray, unseen: np.ndarray, source: Any, held_out: float, seed: int) -> Parts:
    if named.dtype.kind != unseen.dtype.kind == "U":
        unseen = np.array([int(label) if label.lstrip("-").isdecimal() else -1 for label in unseen.tolist()])
    unknown = unseen[~np.isin(unseen, named)]
    if len(unknown):
        raise InputError(f"{source} names {unknown.tolist()[0]!r}, which is no class")
    rng = np.random.default_rng(seed)
    train, test_seen = [], []
    for label in np.unique(y[~np.isin(y, unseen)]):
        rows = rng.permutation(np.flatnonzero(y == label))
        # At least one to learn from, and one to test where there are two.
        n_test = min(len(rows) - 1, max(1, round(held_out * len(rows)))) if held_out else 0
        test_seen.append(rows[:n_test])
        train.append(rows[n_test:])
    empty = np.zeros(0, dtype=np.intp)
    return {
        "train_index": np.sort(np.concatenate([empty, *train])),
        "test_seen_index": np.sort(np.concatenate([empty, *test_seen])),
        "test_unseen_index": np.flatnonzero(np.isin(y, unseen)),
    }
