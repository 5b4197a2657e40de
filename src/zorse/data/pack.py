"""Readers of the optional data pack: features of real images, kept beside a checkout and never shipped.

The folder is ``folder``, else the environment variable ``ZORSE_DATA``, else ``../shared/data``.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError, NotAvailableError, UnknownNameError
from zorse.data.compositional import CompositionalTask, pair_table
from zorse.data.task import ZeroShotTask

STEP = 0.02352848  # of the quantised MobileNet features; awa19 does not record it, tiny160 does


@dataclass(frozen=True, eq=False)
class ScoreTask:
    """Published generalised zero-shot scores of a method, without its features.

    Attributes
    ----------
    scores : ndarray of shape (n, c)
        Columns in the order of ``classes``.
    y : ndarray of shape (n,)
        True labels.
    classes : ClassTable
    seen : ndarray of labels
        The classes the method was trained on.
    name : str
    """

    scores: np.ndarray
    y: np.ndarray
    classes: ClassTable
    seen: np.ndarray
    name: str


def awa19(folder: str | Path | None = None, *, semantics: str = "attributes") -> ZeroShotTask:
    """19 animals with 85 attributes, MobileNet features (9,074 x 1,024), 14 seen and 5 unseen; every fifth is held out.

    The images come from sets whose classes only roughly match the animals, and MobileNet was trained on ImageNet, so
    that the unseen classes are unseen by the method, not by the features. ``semantics``: "attributes" (continuous,
    from 0 to 1) or "attributes_binary"; the other ones are a view of the table.
    """
    z = _read(folder, "features/awa19_mnv1.npz")
    names = z["class_names"].astype(str)
    spaces = {"attributes": z["attributes"] / 100, "attributes_binary": z["attributes_binary"]}
    vectors = _choice(spaces, semantics, tuple(spaces))
    others = tuple(space for name, space in spaces.items() if name != semantics)
    table = ClassTable(names, vectors, tuple(names), views=others)
    y = names[z["labels"]]
    unseen = np.isin(y, z["unseen_classes"].astype(str))
    held_out = np.zeros(len(y), dtype=bool)
    for label in names:
        held_out[np.flatnonzero(y == label)[::5]] = True
    at = np.arange(len(y))
    X = STEP * z["features"].astype(np.float32)
    return ZeroShotTask(X, y, table, at[~unseen & ~held_out], at[~unseen & held_out], at[unseen], "awa19")


def tiny160(folder: str | Path | None = None, *, semantics: str = "conceptnet") -> ZeroShotTask:
    """160 Tiny-ImageNet classes, MobileNet features (14,000 x 1,024), 120 seen and 40 unseen.

    MobileNet was trained on ImageNet, so that the unseen classes are unseen by the method, not by the features.
    ``semantics``: the word vectors, "conceptnet" or "wiki2vec" (300 dimensions); the others are a view of the table.
    """
    z = _read(folder, "features/tiny160_zsl_mnv1.npz")
    names = z["wnids"].astype(str)
    spaces = ("conceptnet", "wiki2vec")
    vectors, others = _choice(z, semantics, spaces), tuple(z[space] for space in spaces if space != semantics)
    table = ClassTable(names, vectors, tuple(z["class_names"].astype(str)), views=others)
    unseen = np.isin(z["labels"], z["unseen_idx"])
    at = np.arange(len(unseen))
    X = (z["features"].astype(np.float32) - z["zero_point"]) * z["scale"]
    return ZeroShotTask(
        X.astype(np.float32),
        names[z["labels"]],
        table,
        at[~unseen & ~z["is_val"]],
        at[~unseen & z["is_val"]],
        at[unseen & z["is_val"]],
        "tiny160",
    )


def pacs(folder: str | Path | None = None, *, word_vectors=None) -> CompositionalTask:
    """PACS as attribute-object pairs: 4 styles x 7 objects, MobileNet features (9,991 x 1,024).

    Seven pairs are unseen, one of each object; of the seen ones, the published fifth of the images is held out. The
    features come from photographs of ImageNet, so that photographs are easiest. ``word_vectors``: as of
    :func:`zorse.data.pair_table`.
    """
    z = _read(folder, "teacher/pacs.npz")
    styles, style = np.unique(np.char.replace(z["domain"].astype(str), "_", " "), return_inverse=True)
    objects, thing = z["class_names"].astype(str), z["labels"].astype(int)
    table = pair_table([(a, o) for a in styles for o in objects], word_vectors)
    y = table.labels[len(objects) * style + thing]
    unseen = (style + thing) % 4 == 0  # fixed before any method was run
    held_out = z["split"] == "val"
    at = np.arange(len(y))
    X = STEP * z["features"].astype(np.float32)
    return CompositionalTask(X, y, table, at[~unseen & ~held_out], at[~unseen & held_out], at[unseen], "pacs")


def gzsl_scores(dataset: str, method: str = "fclswgan", folder: str | Path | None = None) -> ScoreTask:
    """Generalised zero-shot test scores of a published model on ResNet-101 features and the proposed splits.

    ``dataset``: "AWA1" (methods "fclswgan", "lago") or "FLO" ("fclswgan").
    """
    if dataset not in ("AWA1", "FLO"):
        raise UnknownNameError("data set", dataset, ("AWA1", "FLO"))
    z = _read(folder, f"features/gzsl_scores_{dataset}.npz")
    known = tuple(key.removeprefix("scores_") for key in z if key.startswith("scores_"))
    if method not in known:
        raise UnknownNameError("method", method, known)
    names = z["class_names"].astype(str)
    vectors = z["attributes"] if "attributes" in z else z["sentence_embedding"]
    table = ClassTable(names, vectors, tuple(names))
    scores = z[f"scores_{method}"].astype(np.float64)
    return ScoreTask(scores, names[z["labels"]], table, names[z["seen_classes"]], f"{dataset} {method}")


def _read(folder: str | Path | None, name: str) -> dict[str, np.ndarray]:
    path = Path(folder or os.environ.get("ZORSE_DATA") or "../shared/data") / name
    if not path.is_file():
        raise NotAvailableError(f"{path} is not there; set ZORSE_DATA to the folder of the data pack")
    try:
        with np.load(path, allow_pickle=False) as z:
            return dict(z)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _choice(z: dict[str, np.ndarray], name: str, known: tuple[str, ...]) -> np.ndarray:
    if name not in known:
        raise UnknownNameError("semantics", name, known)
    return z[name]
