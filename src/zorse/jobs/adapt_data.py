"""Pictures to adapt by: labelled, captioned or neither, each content once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.errors import InputError
from zorse.data.image_ref import ImageRef
from zorse.jobs.embed import embed_stream
from zorse.jobs.sample import named, read_rows

KEPT_OUT = 0.25  # of each class's labelled images, to measure on where --shots leaves none


@dataclass(frozen=True, eq=False)
class Seen:
    """Embedded images, each content once.

    Attributes
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,), str
        Labels; empty where there are none.
    digests : list of n str
    refs : list of n ImageRef
        Where each image is, to be read again.
    failed : int
        Images that could not be read.
    """

    X: np.ndarray
    y: np.ndarray
    digests: list[str]
    refs: list[ImageRef]
    failed: int


@dataclass(frozen=True, eq=False)
class Labelled:
    """What ``--labelled`` says.

    Attributes
    ----------
    source : Any
        As :func:`zorse.jobs.sample.read_sample` takes it.
    names : list of str or None
        Labels that the file itself lists, where none are given.
    captions : mapping of str to list of str
        Captions by path, from a table with such a column.
    missing : list of str
        Rows of a split whose image is not there.
    """

    source: Any
    names: list[str] | None
    captions: Mapping[str, list[str]]
    missing: list[str]


def read_labelled(labelled: Any, images: Any) -> Labelled:
    """Open what ``--labelled`` names: ``"folder"``, a folder, a ``.csv``, or a ``.json`` of CoOp's layout.

    Of a split the entries of ``train`` alone are taken. Its paths start from one of ``images``, its sub-folder
    ``images``, or the folder of the file: where most of them are.

    Raises
    ------
    InputError, NotAvailableError
        As :func:`zorse.data.read_coop_split`; also if none of a split's images is there.
    """
    if labelled == "folder":
        return Labelled(images, None, {}, [])
    suffix = Path(labelled).suffix.lower() if isinstance(labelled, str | Path) else ""
    if suffix == ".json":
        return _of_split(Path(labelled), images)
    return Labelled(labelled, None, _captions(Path(labelled)) if suffix == ".csv" else {}, [])


def labelled_images(
    sample: tuple[Any, Callable], names: list[str], encoder: Any, options: dict[str, Any], progress: Any
) -> Seen:
    """Embed a labelled sample.

    Raises
    ------
    InputError
        If an image has no label, or two, or a copy with another one; it names the image.
    """
    images, label_of = sample
    X, y, refs, failed = [], [], [], 0
    at: dict[str, tuple[str, str]] = {}
    strangers: dict[str, str] = {}
    with closing(embed_stream(images, encoder, progress=progress, **options)) as stream:
        for item in stream:
            said = label_of(str(item.key), item.label_hint)
            if said == ():
                raise InputError(f"{item.key} has no label")
            if not said:
                strangers.setdefault(str(item.label_hint), str(item.key))
                continue
            if item.vector is None or item.digest is None:
                failed += 1
                continue
            if len(said) > 1:
                raise InputError(f"{item.key} has several labels; adaptation needs exactly one an image")
            if item.digest in at:
                if at[item.digest][0] != said[0]:
                    raise InputError(
                        f"{item.key} is labelled {said[0]!r}, and its copy {at[item.digest][1]} {at[item.digest][0]!r}"
                    )
                continue
            at[item.digest] = (said[0], str(item.key))
            X.append(item.vector)
            y.append(said[0])
            refs.append(item.ref)
    if strangers:
        folder, key = next(iter(strangers.items()))
        more = f", nor are {len(strangers) - 1} more folders" if len(strangers) > 1 else ""
        raise InputError(f"{key} lies in the folder {folder!r}, which is no label{more}; the labels: {named(names)}")
    if not X:
        raise InputError("none of the labelled images can be read")
    return Seen(np.stack(X).astype(float), np.array(y), list(at), refs, failed)


def embedded_images(images: Any, encoder: Any, options: dict[str, Any], progress: Any) -> Seen:
    """Embed images without labels."""
    vectors: dict[str, np.ndarray] = {}
    refs, failed = [], 0
    with closing(embed_stream(images, encoder, progress=progress, **options)) as stream:
        for item in stream:
            if item.vector is None or item.digest is None:
                failed += 1
            elif item.digest not in vectors:
                vectors[item.digest] = item.vector
                refs.append(item.ref)
    if not vectors:
        raise InputError(f"none of the {failed} images can be read")
    X = np.stack(list(vectors.values())).astype(float)
    return Seen(X, np.array([""] * len(X)), list(vectors), refs, failed)


def parted(known: Seen, shots: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to learn from and to measure on; they depend on what the images contain, not on names and order."""
    from zorse.evaluation import draw_shots, labelled_split

    if shots is None:
        learned, _, measured = labelled_split(known.y, known.digests, parts=(1 - KEPT_OUT, 0.0), seed=seed)
        return learned, measured
    learned = draw_shots(known.y, shots, seed, known.digests)
    return learned, np.setdiff1d(np.arange(len(known.y)), learned)


def _of_split(path: Path, images: Any) -> Labelled:
    from zorse.data.coop_split import read_coop_split

    given = [images] if isinstance(images, str | Path) else images if isinstance(images, list | tuple) else []
    above = [Path(one).expanduser() for one in given if isinstance(one, str | Path) and Path(one).expanduser().is_dir()]
    split, best, there = read_coop_split(path), None, -1
    for folder in dict.fromkeys(place for root in [*above, path.parent] for place in (root, root / "images")):
        count = sum((folder / key).is_file() for key in split.train.keys)
        if count > there:
            best, there = folder, count
    if best is None or not there:
        looked = named([str(folder) for folder in [*above, path.parent]])
        raise InputError(f"{path}: none of its {len(split.train.keys):,} training images is in {looked}")
    missing = [key for key in split.train.keys if not (best / key).is_file()]
    rows = zip(split.train.keys, split.train.y.tolist(), strict=True)
    shows = {str(best / key): [name] for key, name in rows if (best / key).is_file()}
    return Labelled(shows, list(split.classes), {}, missing)


def _captions(path: Path) -> dict[str, list[str]]:
    """Captions by path, as :func:`read_sample` calls the images; a path may stand in several rows."""
    columns, rows = read_rows(path)
    said = next((name for name in ("caption", "captions") if name in columns), "")
    told: dict[str, list[str]] = {}
    for image, row in rows:
        if image and (text := row.get(said)):
            told.setdefault(image, []).append(text)
    return told
