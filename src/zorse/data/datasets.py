"""Data sets that others publish: where they are, what is known of them, and getting them into the cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from zorse.core.errors import InputError, NotAvailableError, UnknownNameError
from zorse.data.download import cache_folder, check_file, download
from zorse.data.matlab import MatFile
from zorse.data.task import ZeroShotTask
from zorse.data.unpack import unpack
from zorse.data.xlsa import FEATURES, SPLITS, read_xlsa


@dataclass(frozen=True)
class Archive:
    """One published file.

    Attributes
    ----------
    url : str
        As its makers give it.
    page : str
        Where they describe it.
    size : int or None
        Bytes; None where nobody publishes it.
    checksum : str or None
        "md5:..." or "sha256:..."; None where nobody publishes one.
    checked_by : str
        Who publishes size and checksum; without them, what is verified instead.
    terms : str
        On what terms.
    """

    url: str
    page: str
    size: int | None
    checksum: str | None
    checked_by: str
    terms: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class DataSet:
    """One data set of an archive.

    Attributes
    ----------
    name : str
    what : str
        In a line.
    archive : Archive
    folder : str or None
        The folder inside the archive that holds it; None for all of it.
    sizes : tuple of five int or None
        Classes, unseen classes, training, seen test and unseen test samples of a task, as paper 1 has them.
    """

    name: str
    what: str
    archive: Archive
    folder: str | None = None
    sizes: tuple[int, int, int, int, int] | None = None

    @property
    def is_task(self) -> bool:
        """Whether it is features with a split, which ``--task`` takes; otherwise it is images."""
        return self.sizes is not None

    @property
    def path(self) -> Path:
        """Where it is, or would be, in the cache."""
        return cache_folder() / "datasets" / self.name

    @property
    def is_here(self) -> bool:
        """Whether it has been fetched."""
        return self.path.is_dir()


_INSTEAD = "the archive's own CRC-32 of every file, and the numbers of classes and samples in the paper's tables"
_XIAN = "none stated with the features; the terms of the pictures they come from apply"
_XLSA = Archive(
    url="http://datasets.d2.mpi-inf.mpg.de/xian/xlsa17.zip",
    page="https://www.mpi-inf.mpg.de/departments/computer-vision-and-machine-learning/research/zero-shot-learning/"
    "zero-shot-learning-the-good-the-bad-and-the-ugly",
    size=None,
    checksum=None,
    checked_by=_INSTEAD,
    terms=_XIAN,
)
_FGN = Archive(
    url="http://datasets.d2.mpi-inf.mpg.de/xian/cvpr18xian.zip",
    page="https://www.mpi-inf.mpg.de/departments/computer-vision-and-machine-learning/research/zero-shot-learning/"
    "feature-generating-networks-for-zero-shot-learning",
    size=None,
    checksum=None,
    checked_by=_INSTEAD,
    terms=_XIAN,
)
DATASETS = {
    known.name: known
    for known in (
        DataSet("AWA1", "50 animals, 85 attributes", _XLSA, "AWA1", (50, 10, 19832, 4958, 5685)),
        DataSet("AWA2", "50 animals, 85 attributes", _XLSA, "AWA2", (50, 10, 23527, 5882, 7913)),
        DataSet("APY", "32 objects (aPascal, aYahoo), 64 attributes", _XLSA, "APY", (32, 12, 5932, 1483, 7924)),
        DataSet("CUB", "200 birds, 312 attributes", _XLSA, "CUB", (200, 50, 7057, 1764, 2967)),
        DataSet("SUN", "717 scenes, 102 attributes", _XLSA, "SUN", (717, 72, 10320, 2580, 1440)),
        DataSet("FLO", "102 flowers, embedded sentences", _FGN, "FLO", (102, 20, 5631, 1403, 1155)),
        DataSet(
            "AWA2-images",
            "37,322 pictures of 50 animals",
            Archive(
                url="https://cvml.ista.ac.at/AwA2/AwA2-data.zip",
                page="https://cvml.ista.ac.at/AwA2/",
                size=None,  # "13 GB"
                checksum="md5:eaa27cf799d5cf55af372356d7281b5e",
                checked_by="MD5 of its page, which gives the size as 13 GB",
                terms="every picture has a free licence of its own, listed in the archive",
            ),
        ),
        DataSet(
            "CUB-images",
            "11,788 pictures of 200 birds",
            Archive(
                url="https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
                page="https://www.vision.caltech.edu/datasets/cub_200_2011/",
                size=1_150_585_339,
                checksum="sha256:0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
                checked_by="size and SHA-256 that TensorFlow Datasets publishes",
                terms="see its page; the pictures are their photographers', and some are in ImageNet too",
            ),
        ),
        DataSet(
            "FLO-images",
            "8,189 pictures of 102 flowers",
            Archive(
                url="https://www.robots.ox.ac.uk/~vgg/data/flowers/102/102flowers.tgz",
                page="https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
                size=344_862_509,
                checksum="sha256:2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
                checked_by="size and SHA-256 that TensorFlow Datasets publishes",
                terms="see its page",
            ),
        ),
    )
}


def find_dataset(name: str) -> DataSet:
    """The data set of that name; upper and lower case are the same.

    Raises
    ------
    UnknownNameError
        With the nearest names.
    """
    found = {known.lower(): dataset for known, dataset in DATASETS.items()}.get(name.lower())
    if found is None:
        raise UnknownNameError("data set", name, DATASETS)
    return found


def get_dataset(
    name: str,
    *,
    source: str | Path | None = None,
    again: bool = False,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Path:
    """Fetch a data set into the cache, check it, and return its folder.

    Parameters
    ----------
    name : str
    source : path, optional
        The archive, if it is at hand already; nothing is fetched then.
    again : bool
        Unpack anew what is there.
    progress : callable (what, done, total), optional
        Told of bytes fetched and unpacked.

    Raises
    ------
    NotAvailableError
        If the server does not give it or there is no room.
    InputError
        If it is not what is published; it is removed, unless it is the caller's own ``source``.
    """
    dataset = find_dataset(name)
    if dataset.is_here and not again:
        return dataset.path
    archive = dataset.archive
    say = progress or (lambda what, done, total: None)
    if source is not None:
        at = Path(source).expanduser()
        if not at.is_file():
            raise InputError(f"{at} is no file; expected {archive.name}")
        check_file(at, archive.size, archive.checksum)
    else:
        at = cache_folder() / "downloads" / archive.name
        if not at.is_file():
            download(
                archive.url,
                at,
                size=archive.size,
                checksum=archive.checksum,
                progress=lambda done, total: say("fetching", done, total),
            )
    fresh = dataset.path.with_name(f".{dataset.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        unpack(at, fresh, wanted=_wanted(dataset), progress=lambda done, total: say("unpacking", done, total))
        _verify(dataset, fresh)
        shutil.rmtree(dataset.path, ignore_errors=True)
        _inside(dataset, fresh).replace(dataset.path)
    except InputError as error:
        if source is None:
            at.unlink(missing_ok=True)
            raise InputError(f"{error}; {at.name} was removed, the same call fetches it anew") from error
        raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return dataset.path


def read_dataset(name: str) -> ZeroShotTask:
    """The task of a fetched data set.

    Raises
    ------
    NotAvailableError
        If it has not been fetched; it says how.
    InputError
        If it is images.
    """
    dataset = find_dataset(name)
    if not dataset.is_task:
        raise InputError(f"{dataset.name} is images, no task; zorse embed or zorse classify takes {dataset.path}")
    if not dataset.is_here:
        raise NotAvailableError(
            f"{dataset.name} is not in {dataset.path.parent}; zorse datasets get {dataset.name} fetches it, or name "
            f"the folder that holds its {FEATURES}"
        )
    return read_xlsa(dataset.path, name=dataset.name)


def _wanted(dataset: DataSet) -> Callable[[PurePosixPath], bool]:
    if dataset.folder is None:
        return lambda name: "__MACOSX" not in name.parts
    files = (FEATURES, *SPLITS)
    return lambda name: name.name in files and name.parent.name == dataset.folder and "__MACOSX" not in name.parts


def _inside(dataset: DataSet, fresh: Path) -> Path:
    """The folder that the archive keeps it in."""
    if dataset.folder is None:
        return fresh
    inside = {path.parent for path in fresh.rglob("*.mat")}
    if len(inside) != 1:
        raise InputError(f"expected one folder {dataset.folder} in {dataset.archive.name}; found {len(inside)}")
    return inside.pop()


def _verify(dataset: DataSet, fresh: Path) -> None:
    """Compare the numbers of classes and samples with those of the paper, without reading a feature."""
    if dataset.sizes is None:
        return
    folder = _inside(dataset, fresh)
    matrix, splits = MatFile(folder / FEATURES), MatFile(folder / SPLITS[0])
    locs = ("trainval_loc", "test_seen_loc", "test_unseen_loc")
    held = splits.read(["att", *locs])
    y = np.ravel(matrix.read(["labels"]).get("labels", np.zeros(0)))
    rows = [np.ravel(held.get(loc, np.zeros(0))).astype(int) for loc in locs]
    if "att" not in held or any(not len(part) or part.min() < 1 or part.max() > len(y) for part in rows):
        raise InputError(f"{dataset.name} is not as published: fields are missing or indices out of range")
    found = (held["att"].shape[1], len(np.unique(y[rows[2] - 1])), *map(len, rows))
    if found != dataset.sizes or max(matrix.shape("features")) != len(y):
        told = "classes, unseen classes, training, seen and unseen test samples"
        raise InputError(f"{dataset.name} is not as published: {told} are {found}, expected {dataset.sizes}")


def as_dict(dataset: DataSet) -> dict:
    """Everything that is known of it, for JSON."""
    archive = dataset.archive
    names = ("classes", "unseen_classes", "train", "test_seen", "test_unseen")
    return {
        "name": dataset.name,
        "what": dataset.what,
        "is_task": dataset.is_task,
        "sizes": dict(zip(names, dataset.sizes)) if dataset.sizes else None,
        "url": archive.url,
        "page": archive.page,
        "bytes": archive.size,
        "checksum": archive.checksum,
        "checked_by": archive.checked_by,
        "terms": archive.terms,
        "path": str(dataset.path),
        "is_here": dataset.is_here,
    }
