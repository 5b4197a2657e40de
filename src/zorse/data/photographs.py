"""Photographs of the optional data pack, kept beside a checkout and never shipped."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import numpy as np

from zorse.core.errors import NotAvailableError, UnknownNameError

SOURCES = ("tiny-imagenet", "caltech101", "cifar10", "pacs")


def photographs(
    source: str, split: str = "val", folder: str | Path | None = None, *, of: str = "class"
) -> tuple[list[bytes], np.ndarray]:
    """Image files of one source and split, with their class names.

    Parameters
    ----------
    source : {"tiny-imagenet", "caltech101", "cifar10", "pacs"}
    split : {"train", "val", "test"}
        "test" and "val" both mean the part that is not "train".
    folder : path, optional
        The pack; else the environment variable ``ZORSE_DATA``, else ``../shared/data``.
    of : {"class", "domain", "key"}
        What is told of each: its class, its style (PACS alone), or its key in the shard.

    Returns
    -------
    contents : list of n bytes
    names : ndarray of shape (n,), str
        What ``of`` asks for.

    Raises
    ------
    UnknownNameError
        If there is no such source.
    NotAvailableError
        If the pack is absent.
    """
    if source not in SOURCES:
        raise UnknownNameError("source of photographs", source, SOURCES)
    images = Path(folder or os.environ.get("ZORSE_DATA") or "../shared/data") / "images"
    shards = sorted(images.glob(f"{source}-*.tar.gz"))
    if not shards:
        raise NotAvailableError(f"{images} holds no {source}; set ZORSE_DATA to the folder of the data pack")
    files: dict[str, dict[str, bytes]] = {}
    for shard in shards:
        with tarfile.open(shard) as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                if (file := tar.extractfile(member)) is not None:
                    files.setdefault(key, {})[suffix] = file.read()
    facts = {key: json.loads(of_key["json"]) for key, of_key in files.items()}
    keys = [key for key, fact in facts.items() if (fact["split"] == "train") == (split == "train")]
    return [files[key]["jpg"] for key in keys], np.array([key if of == "key" else facts[key][of] for key in keys])
