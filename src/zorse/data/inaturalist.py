"""iNaturalist's annotation files: images, species, their taxonomy, and how many images each has."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.errors import InputError

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus")


@dataclass(frozen=True, eq=False)
class Species:
    """What an annotation file says.

    Attributes
    ----------
    files : tuple of n str
        Images, relative to the data set's folder.
    y : ndarray of shape (n,)
        The category of each image.
    labels : ndarray of shape (c,)
        Categories.
    names : tuple of c str
    parents : dict of str to tuple of str
        As ``ClassTable.parents``: the ranks above each category, each named by its whole path; where the file has no
        ranks, its super-class.
    super_classes : dict of str to tuple of str
        The super-class of each category, in the same form.
    counts : dict of int to int
        Images of each category; 0 for one that has none.
    """

    files: tuple[str, ...]
    y: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    parents: dict[str, tuple[str, ...]]
    super_classes: dict[str, tuple[str, ...]]
    counts: dict[int, int]


def read_inaturalist(path: str | Path) -> Species:
    """Read ``train2017.json``, ``val2018.json`` and their like.

    Raises
    ------
    InputError
        If there is no such file, it is not JSON, or an entry lacks what it must have; it names the entry.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    images, annotations, categories = (_list(content, key, path) for key in ("images", "annotations", "categories"))
    file_of = {_of(image, "id", "images", path): _of(image, "file_name", "images", path) for image in images}
    labels, names = [], []
    parents: dict[str, tuple[str, ...]] = {}
    supers: dict[str, tuple[str, ...]] = {}
    for category in categories:
        label = _of(category, "id", "categories", path)
        labels.append(label)
        names.append(str(_of(category, "name", "categories", path)))
        above = (str(category["supercategory"]),) if category.get("supercategory") else ()
        ranks = [str(category[rank]) for rank in RANKS if category.get(rank)]
        # A genus of plants and one of animals may share a name, but not a path.
        nodes = ["/".join(ranks[: i + 1]) for i in range(len(ranks))]
        for lower, higher in zip(nodes[1:], nodes, strict=False):
            parents[lower] = (higher,)
        parents[str(label)] = (nodes[-1],) if nodes else above
        supers[str(label)] = above
    files, y = [], []
    for annotation in annotations:
        image, label = (_of(annotation, key, "annotations", path) for key in ("image_id", "category_id"))
        if image not in file_of or str(label) not in supers:
            raise InputError(f"{path}: an annotation names image {image} and category {label}; one is not in the file")
        files.append(str(file_of[image]))
        y.append(label)
    counts = Counter(y)
    return Species(
        tuple(files), np.array(y), np.array(labels), tuple(names), parents, supers, {la: counts[la] for la in labels}
    )


def _list(content: Any, key: str, path: Path) -> list[Any]:
    found = content.get(key) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise InputError(f"{path} has no list {key!r}; expected iNaturalist's images, annotations and categories")
    return found


def _of(entry: Any, key: str, where: str, path: Path) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise InputError(f"{path}: an entry of {where} has no {key!r}: {str(entry)[:60]}")
    return entry[key]
