"""A task from whatever file or folder holds one."""

from __future__ import annotations

from pathlib import Path

from zorse.core.errors import InputError
from zorse.data.bundle import is_bundle, load_bundle, read_bundle
from zorse.data.defects import Parts
from zorse.data.task import ZeroShotTask
from zorse.data.xlsa import FEATURES, SPLITS, read_xlsa, read_xlsa_parts


def read_task(path: str | Path) -> ZeroShotTask:
    """The task that lies at ``path``.

    Parameters
    ----------
    path : path
        A bundle (``*.npz``, or a folder with ``bundle.json``), a folder with ``res101.mat`` and ``att_splits.mat`` or
        ``sent_splits.mat``, or one of these two files, which says which class vectors to take.

    Raises
    ------
    InputError
        If there is no such thing, or it has a defect.
    """
    path = Path(path).expanduser()
    if is_bundle(path):
        return load_bundle(path)
    if path.is_file() and path.suffix.lower() == ".mat":
        return read_xlsa(path.parent, splits=None if path.name == FEATURES else path.name)
    if (path / FEATURES).is_file():
        return read_xlsa(path)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    wanted = f"a bundle (.npz, or a folder with bundle.json) or a folder with {FEATURES} and {SPLITS[0]}"
    inside = sorted(str(found.parent) for pattern in ("*/", "*/*/") for found in path.glob(pattern + FEATURES))
    raise InputError(f"{path} holds no task; expected {wanted}" + (f"; try {' or '.join(inside)}" if inside else ""))


def read_parts(path: str | Path) -> tuple[Parts, list[str]] | None:
    """The arrays of a task as they stand, unchecked, and what kept some from being read; None if ``path`` holds none.

    Raises
    ------
    InputError
        If nothing of it can be read.
    """
    path = Path(path).expanduser()
    if is_bundle(path):
        return read_bundle(path)
    if path.is_file() and path.suffix.lower() == ".mat":
        return read_xlsa_parts(path.parent, splits=None if path.name == FEATURES else path.name)
    return read_xlsa_parts(path) if (path / FEATURES).is_file() else None
