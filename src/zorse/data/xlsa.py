"""The proposed-splits format of zero-shot data sets: ``res101.mat`` beside ``att_splits.mat``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.data.defects import Parts
from zorse.data.matlab import MatFile
from zorse.data.task import ZeroShotTask

FEATURES = "res101.mat"
SPLITS = ("att_splits.mat", "sent_splits.mat")
_LOCS = ("trainval_loc", "test_seen_loc", "test_unseen_loc", "train_loc", "val_loc")


def read_xlsa(
    folder: str | Path,
    *,
    semantics: Literal["att", "original_att"] = "att",
    missing: Literal["keep", "mean"] = "keep",
    split: Literal["test", "validation"] = "test",
    features: str = FEATURES,
    splits: str | None = None,
    dtype: str = "float32",
    name: str | None = None,
) -> ZeroShotTask:
    """A data set of the proposed-splits format (AWA1, AWA2, CUB, SUN, aPY, FLO) as a task.

    Parameters
    ----------
    folder : path
        Holds ``res101.mat`` (``features`` d x n, ``labels``) and ``att_splits.mat`` or ``sent_splits.mat`` (``att``
        k x c, ``trainval_loc``, ...), of any MATLAB version from 5 to 7.3.
    semantics : {"att", "original_att"}
        Class vectors as published, of unit length; or before they were scaled to it.
    missing : {"keep", "mean"}
        What an attribute that nobody has judged becomes (-1 in ``original_att``; AWA1 and AWA2 have four): stay as
        published results have it, or be the mean over the other classes.
    split : {"test", "validation"}
        "validation" is for development: it learns from the training classes and takes the validation classes for
        unseen, all from among training samples; test samples and test classes are left out altogether.
    features, splits : str
        File names. Without ``splits``: ``att_splits.mat`` if it is there, else ``sent_splits.mat``; where both are,
        the second is a further view of the classes.
    dtype : {"float32", "float64"}
    name : str, optional
        Else the folder's name.

    Returns
    -------
    ZeroShotTask
        Labels are the names in ``allclasses_names``, or numbers from 1 where the file has none (FLO).

    Raises
    ------
    InputError
        If a file or field is missing, sizes disagree, or an index or label is out of range.

    Notes
    -----
    Indices and labels are counted from 1 in the files, from 0 in the task. In the published files ``train_loc`` and
    ``val_loc`` together hold the seen test samples too, contrary to their documentation; a parameter chosen on them
    would be chosen on the test. Here "validation" keeps to ``trainval_loc``.

    ``features`` are read a few columns at a time: the peak of memory is the returned array and a block of 8 MB.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; expected one that holds {FEATURES} and {SPLITS[0]}")
    _choice("semantics", semantics, ("att", "original_att"))
    _choice("missing", missing, ("keep", "mean"))
    _choice("split", split, ("test", "validation"))
    _choice("dtype", dtype, ("float32", "float64"))
    found = [file for file in ([splits] if splits else SPLITS) if (folder / file).is_file()]
    if not found:
        raise InputError(f"{folder} holds no {splits or ' or '.join(SPLITS)}")
    of, matrix = _Splits(folder / found[0]), MatFile(folder / features)
    table = of.table(semantics, missing)
    if found[1:]:
        other = _Splits(folder / found[1]).table("att", "keep")
        table = ClassTable(table.labels, table.vectors, table.names, views=(other.select(table.labels).vectors,))
    y = _counted_from_1(matrix.read(["labels"]).get("labels"), "labels", matrix.path, len(table.labels))
    parts = of.parts(len(y), y, split)
    if split == "validation":
        table = table.without(table.labels[np.unique(y[of.rows("test_unseen_loc", len(y))])])
    kept = np.sort(np.concatenate(parts)) if split == "validation" else np.arange(len(y))
    X = _matrix(matrix, len(y), kept, dtype)
    train, test_seen, test_unseen = (np.searchsorted(kept, part) for part in parts)
    name = (name or folder.resolve().name) + (", validation" if split == "validation" else "")
    return ZeroShotTask(X, of.labels[y[kept]], table, train, test_seen, test_unseen, name)


def read_xlsa_parts(folder: str | Path, *, splits: str | None = None) -> tuple[Parts, list[str]]:
    """The same files as arrays of a task, unchecked, rows from 0, and what is wrong with single fields.

    Raises
    ------
    InputError
        If a file cannot be read or has no features, labels or class vectors.
    """
    folder, found = Path(folder), []
    path = folder / (splits or next((file for file in SPLITS if (folder / file).is_file()), SPLITS[0]))
    held, matrix = MatFile(path).read(["att", "allclasses_names", *_LOCS[:3]]), MatFile(folder / FEATURES)
    fields = {"labels": matrix.read(["labels"]).get("labels"), **{loc: held.get(loc) for loc in _LOCS[:3]}}
    if "att" not in held or fields["labels"] is None:
        raise InputError(f"{matrix.path} has no 'labels'" if "att" in held else f"{path} has no 'att'")
    named = {"labels": "labels", "trainval_loc": "train_index"}
    named |= {"test_seen_loc": "test_seen_index", "test_unseen_loc": "test_unseen_index"}
    parts: Parts = {"name": folder.resolve().name, "class_vectors": held["att"].T}
    for field, value in fields.items():
        if value is None:
            continue
        values = np.ravel(value)
        odd = values[values != np.floor(values)] if values.dtype.kind in "iuf" else values[:1]
        if len(odd):
            found.append(f"{named[field]}: {field} must hold whole numbers; got {odd[0]}")
        else:
            parts[named[field]] = values.astype(np.intp) - (field != "labels")
    parts["class_labels"] = np.arange(1, held["att"].shape[1] + 1)
    if "allclasses_names" in held:
        parts["class_names"] = np.array([_readable(label) for label in held["allclasses_names"]], dtype=str)
    rows, columns = matrix.shape("features")
    n = len(parts["labels"]) if "labels" in parts else columns
    n = n if n in (rows, columns) else columns
    parts["features"] = _matrix(matrix, n, np.arange(n), "float32")
    return parts, found


class _Splits:
    """One file of class vectors and indices."""

    def __init__(self, path: Path):
        self.path = path
        self.held = MatFile(path).read(["att", "original_att", "allclasses_names", *_LOCS])
        if "att" not in self.held:
            raise InputError(f"{path} has no 'att'")
        c = self.held["att"].shape[1]
        named = self.held.get("allclasses_names")
        if named is not None and len(named) != c:
            raise InputError(f"{path}: 'att' has {c} columns, 'allclasses_names' {len(named)} names")
        self.labels = np.arange(1, c + 1) if named is None else np.array(named)
        self.names = None if named is None else tuple(_readable(label) for label in named)

    def table(self, semantics: str, missing: str) -> ClassTable:
        if semantics not in self.held or (missing == "mean" and "original_att" not in self.held):
            raise InputError(f"{self.path} has no 'original_att'")
        vectors = np.array(self.held[semantics].T, dtype=np.float64)
        if missing == "mean":
            vectors = np.array(self.held["original_att"].T, dtype=np.float64)
            # Only where the rest is not negative does -1 mean that nobody has judged it.
            unknown = (vectors == -1) & (np.where(vectors == -1, 0, vectors).min(axis=0) >= 0)
            known = np.ma.masked_array(vectors, unknown)
            vectors = known.filled(known.mean(axis=0).filled(0)[None])
            if semantics == "att":
                vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        try:
            return ClassTable(self.labels, vectors, self.names)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from error

    def rows(self, loc: str, n: int) -> np.ndarray:
        return _counted_from_1(self.held.get(loc, np.zeros(0)), loc, self.path, n)

    def parts(self, n: int, y: np.ndarray, split: str) -> list[np.ndarray]:
        """Rows to learn from, seen and unseen test rows."""
        test_seen, test_unseen = self.rows("test_seen_loc", n), self.rows("test_unseen_loc", n)
        train, held_out = self.rows("train_loc", n), self.rows("val_loc", n)
        tested = np.concatenate([test_seen, test_unseen])
        if "trainval_loc" in self.held:
            trainval = self.rows("trainval_loc", n)
        else:
            trainval = np.setdiff1d(np.concatenate([train, held_out]), tested)
        if split == "test":
            if not len(trainval) or not len(test_unseen):
                raise InputError(f"{self.path} has no {'test_unseen_loc' if len(trainval) else 'trainval_loc'}")
            return [trainval, test_seen, test_unseen]
        train, held_out = (part[np.isin(part, trainval) & ~np.isin(part, tested)] for part in (train, held_out))
        if not len(train) or not len(held_out):
            raise InputError(f"{self.path} has no {'val_loc' if len(train) else 'train_loc'} among its training rows")
        return [train, np.zeros(0, dtype=np.intp), held_out]


def _counted_from_1(values: Any, what: str, path: Path, n: int) -> np.ndarray:
    """Numbers from 1 to n as rows from 0."""
    if values is None:
        raise InputError(f"{path} has no {what!r}")
    values = np.ravel(values)
    if len(values) and values.dtype.kind not in "iuf":
        raise InputError(f"{path}: {what!r} must hold whole numbers; got {values.dtype}")
    bad = values[(values < 1) | (values > n) | (values != np.floor(values))]
    if len(bad):
        hint = "; the format counts from 1" if bad.min() == 0 else ""
        raise InputError(f"{path}: {what!r} holds {bad[0]:g}, expected whole numbers from 1 to {n}{hint}")
    return values.astype(np.intp) - 1


def _matrix(file: MatFile, n: int, kept: np.ndarray, dtype: str) -> np.ndarray:
    """Row i is sample ``kept[i]``; the samples are the columns on disk, or its rows where only these are n."""
    rows, columns = file.shape("features")
    if n not in (rows, columns):
        raise InputError(f"{file.path}: 'features' is {rows} x {columns}, but there are {n} labels")
    upright = columns == n
    X = np.empty((len(kept), rows if upright else columns), dtype=dtype, order="C" if upright else "F")
    with np.errstate(over="ignore"):  # a number too large for float32 becomes infinite, which a check finds
        for start, block in file.columns("features"):
            if upright:
                low, high = np.searchsorted(kept, [start, start + len(block)])
                X[low:high] = block[kept[low:high] - start]
            else:
                X[:, start : start + len(block)] = block[:, kept].T
    return X


def _readable(label: str) -> str:
    """``002.Laysan_Albatross`` -> ``Laysan Albatross``, ``grizzly+bear`` -> ``grizzly bear``."""
    return re.sub(r"[_+]+", " ", re.sub(r"^\d+\.", "", label)).strip()


def _choice(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise InputError(f"{what} must be {' or '.join(known)}; got {given!r}")
