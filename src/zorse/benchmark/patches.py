"""Grids of patches of the data pack's photographs, and scenes of several: what claims about looking are run on.

The embedded model gives the patches. It has learned from a network trained on ImageNet, so that a class is unseen by
the method, not by what it looks at.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from zorse.core import ClassTable, NotAvailableError, open_image
from zorse.data import TagTask, ZeroShotTask
from zorse.data.pack import tiny160
from zorse.data.photographs import photographs
from zorse.encoders import PatchEncoder, encode_crops, load_encoder

TILE = 64  # pixels a side that the embedded model looks at, in 4 x 4 patches
# AwA's animals among the pack's photographs; some are only relatives.
ANIMALS = {
    "antelope": ("tiny-imagenet", "gazelle"),
    "grizzly+bear": ("tiny-imagenet", "brown bear"),
    "beaver": ("caltech101", "beaver"),
    "dalmatian": ("caltech101", "dalmatian"),
    "horse": ("cifar10", "horse"),
    "german+shepherd": ("tiny-imagenet", "German shepherd"),
    "bobcat": ("caltech101", "wild cat"),
    "elephant": ("caltech101", "elephant"),
    "sheep": ("tiny-imagenet", "bighorn"),
    "chimpanzee": ("tiny-imagenet", "chimpanzee"),
    "rhinoceros": ("caltech101", "rhino"),
    "deer": ("cifar10", "deer"),
    "chihuahua": ("tiny-imagenet", "Chihuahua"),
    "buffalo": ("tiny-imagenet", "bison"),
    "giant+panda": ("caltech101", "panda"),
    "pig": ("tiny-imagenet", "hog"),
    "lion": ("tiny-imagenet", "lion"),
    "dolphin": ("caltech101", "dolphin"),
    "hamster": ("tiny-imagenet", "guinea pig"),
}


# Tiny-ImageNet's places.
PLACES = (
    *("alp", "altar", "bannister", "barbershop", "beacon", "butcher shop", "cliff", "cliff dwelling", "coral reef"),
    *("dam", "maypole", "obelisk", "seashore", "steel arch bridge", "turnstile", "viaduct"),
)


def patches_of(images: Sequence, tiles: int = 1) -> np.ndarray:
    """Grids (n, 4 tiles, 4 tiles, d) of the embedded model; each image is looked at in ``tiles`` x ``tiles`` parts."""
    encoder, side = cast(PatchEncoder, load_encoder("mini")), TILE * tiles
    grids = []
    for image in images:
        whole = open_image(image).resize((side, side), Image.Resampling.BICUBIC)
        corners = [(x, y) for y in range(0, side, TILE) for x in range(0, side, TILE)]
        parts = encoder.encode_patches([whole.crop((x, y, x + TILE, y + TILE)) for x, y in corners])
        grids.append(beside(parts.reshape(tiles, tiles, *parts.shape[1:])))
    return np.stack(grids)


def beside(parts: np.ndarray) -> np.ndarray:
    """Grids (rows, columns, gh, gw, d) laid side by side as one grid (rows gh, columns gw, d)."""
    rows, columns, gh, gw, d = parts.shape
    return parts.transpose(0, 2, 1, 3, 4).reshape(rows * gh, columns * gw, d)


def tiny_patches(n_seen=40, n_unseen=15, per_class=40, axes=48, folder=None) -> ZeroShotTask:
    """Photographs of Tiny-ImageNet classes; every fourth of a seen class is held out.

    A class is described by where its ConceptNet vector lies on the ``axes`` principal axes of all of these classes'.
    """
    table, unseen = _tiny_classes(n_seen, n_unseen, folder)
    centred = table.vectors - table.vectors.mean(axis=0)
    table = replace(table, vectors=centred @ np.linalg.svd(centred, full_matrices=False)[2][:axes].T)
    contents, y = _photographs("tiny-imagenet", table.labels, per_class, folder)
    return _task(_encoded(contents), y, table, unseen, "tiny-imagenet, patches")


def animal_patches(per_class: int = 60, folder=None) -> ZeroShotTask:
    """Photographs of 19 of AwA's animals, with its 85 attributes from 0 to 1; five animals are unseen."""
    predicates = _pack(folder) / "splits" / "AwA2_predicates"
    names = [line.split()[1] for line in (predicates / "classes.txt").read_text().splitlines()]
    attributes = np.loadtxt(predicates / "predicate-matrix-continuous.txt") / 100
    animal = {place: name for name, place in ANIMALS.items()}
    contents, y = [], []
    for source in dict.fromkeys(source for source, _ in animal):
        found, called = _photographs(source, [name for s, name in animal if s == source], per_class, folder)
        contents += found
        y += [animal[source, name] for name in called.tolist()]
    table = ClassTable(np.array(names), attributes, tuple(names)).select(list(ANIMALS))
    unseen = ["giant+panda", "pig", "chimpanzee", "bobcat", "dolphin"]
    return _task(_encoded(contents), np.array(y), table, unseen, "animals, patches")


def in_scenes(task: ZeroShotTask, folder=None) -> ZeroShotTask:
    """Procedural scenes: each photograph beside three of places that are no class, 2 x 2 in any order."""
    contents, _ = _photographs("tiny-imagenet", np.setdiff1d(PLACES, task.classes.labels), 40, folder)
    places, X = _encoded(contents), []
    for grid, order, drawn in zip(task.X, *_arrangement(len(task.X), len(places)), strict=True):
        parts = np.stack([grid, *places[drawn]])[order]
        X.append(beside(parts.reshape(2, 2, *parts.shape[1:])))
    return replace(task, X=np.stack(X), name=f"{task.name} in scenes")


def scene_crops(n_crops: int = 7, per_class: int = 20, folder=None) -> ZeroShotTask:
    """Random crops (n, 1, n_crops, d) of such scenes as pictures of 128 pixels a side, each looked at by itself.

    A crop has from 8 to 100 hundredths of the area, and an aspect ratio from 3/4 to 4/3.
    """
    table, unseen = _tiny_classes(40, 15, folder)
    contents, y = _photographs("tiny-imagenet", table.labels, per_class, folder)
    places, _ = _photographs("tiny-imagenet", np.setdiff1d(PLACES, table.labels), 40, folder)
    encoder, rng, X = load_encoder("mini"), np.random.default_rng(2), []
    for content, order, drawn in zip(contents, *_arrangement(len(contents), len(places)), strict=True):
        parts, scene = [content, *(places[i] for i in drawn)], Image.new("RGB", (2 * TILE, 2 * TILE))
        for at, part in enumerate(order):
            scene.paste(open_image(parts[part]).resize((TILE, TILE)), (at % 2 * TILE, at // 2 * TILE))
        X.append(encode_crops(scene, _boxes(rng, 2 * TILE, n_crops), encoder))
    return _task(np.stack(X)[:, None], y, table, unseen, "tiny-imagenet, crops of scenes")


def _boxes(rng: np.random.Generator, side: int, n: int) -> list[tuple[int, ...]]:
    """(left, top, right, bottom) of n random crops of a square picture."""
    boxes: list[tuple[int, ...]] = []
    while len(boxes) < n:
        area, stretch = rng.uniform(0.08, 1), np.exp(rng.uniform(-1, 1) * np.log(4 / 3) / 2)
        width, height = (round(side * float(area**0.5 * by)) for by in (stretch, 1 / stretch))
        if max(width, height) <= side:
            left, top = (int(rng.integers(side - edge + 1)) for edge in (width, height))
            boxes.append((left, top, left + width, top + height))
    return boxes


def where_it_is(n: int) -> np.ndarray:
    """Which patches of each of n samples of :func:`in_scenes` are its own photograph's, bool (n, 8, 8)."""
    order, _ = _arrangement(n, 0)
    quarters = (order == 0).reshape(n, 2, 2)  # it is the first of the parts that are put in order
    return quarters.repeat(4, axis=1).repeat(4, axis=2)


def _arrangement(n: int, n_places: int) -> tuple[np.ndarray, np.ndarray]:
    """The order of four parts in each scene, (n, 4), and the three photographs of places in it, (n, 3)."""
    order = np.argsort(np.random.default_rng(0).random((n, 4)), axis=1)
    return order, np.argsort(np.random.default_rng(1).random((n, n_places)), axis=1)[:, :3]


def coco_tags(n_unseen: int = 20, folder=None) -> TagTask:
    """COCO's photographs with the classes of their boxes, 8 x 8 patches; CLIP's text vectors of the names.

    Unseen are classes that no fewer than three of the 204 test photographs show, evenly from the most frequent down.
    """
    told, images = _coco(folder)
    z = np.load(_pack(folder) / "features" / "clip_vitb32_text_coco.npz", allow_pickle=False)
    names = z["names"].astype(str)
    Y = np.array([np.isin(names, [box["class"] for box in fact["boxes"]]) for fact in told])
    train = np.array([fact["split"] == "train" for fact in told])
    common = np.flatnonzero(Y[~train].sum(axis=0) >= 3)
    common = common[np.argsort(-Y[~train].sum(axis=0)[common], kind="stable")][1:]  # nearly every photograph has people
    unseen = names[common[:: len(common) // n_unseen][:n_unseen]]
    table, at = ClassTable(names, z["vectors"].astype(np.float64), tuple(names)), np.arange(len(Y))
    return TagTask(patches_of(images, 2), Y, table, np.setdiff1d(names, unseen), at[train], at[~train], "coco, tags")


def mosaic_tags(n_train: int = 800, n_test: int = 400, n_seen: int = 45, n_unseen: int = 15, folder=None) -> TagTask:
    """Procedural scenes: 2 x 2 photographs of different Tiny-ImageNet classes, 8 x 8 patches; ConceptNet's vectors.

    Training scenes hold unseen classes as well, which nobody tells; test scenes are made of other photographs.
    """
    table, unseen = _tiny_classes(n_seen, n_unseen, folder)
    rng, X, Y = np.random.default_rng(0), [], []
    for split, n in (("train", n_train), ("val", n_test)):
        contents, y = _photographs("tiny-imagenet", table.labels, 40, folder, split)
        grids, rows = _encoded(contents), table.rows(y)
        for _ in range(n):
            shown = rng.permutation(table.n_classes)[:4]
            parts = np.stack([grids[rng.choice(np.flatnonzero(rows == row))] for row in shown])
            X.append(beside(parts.reshape(2, 2, *parts.shape[1:])))
            Y.append(np.isin(np.arange(table.n_classes), shown))
    seen, at = table.without(unseen).labels, np.arange(n_train + n_test)
    return TagTask(np.stack(X), np.array(Y), table, seen, at[:n_train], at[n_train:], "mosaics, tags")


def pooled(task):
    """The same task with each grid's mean as its only patch: what a method sees that cannot look."""
    return replace(task, X=task.X.mean(axis=(1, 2), keepdims=True))


def redrawn_tags(task: TagTask, seed: int) -> TagTask:
    """The same samples with as many unseen tags, drawn by ``seed`` among those that test samples show; 0: as it is."""
    if seed == 0:
        return task
    shown = task.classes.labels[task.test[1].sum(axis=0) >= 3]
    unseen = np.random.default_rng(seed).permutation(shown)[: len(task.unseen)]
    return replace(task, seen=np.setdiff1d(task.classes.labels, unseen))


def _tiny_classes(n_seen: int, n_unseen: int, folder) -> tuple[ClassTable, np.ndarray]:
    """As many classes of ``tiny160`` as asked for, evenly, by their names; and which of them are unseen."""
    whole = tiny160(folder)
    assert whole.classes.names is not None
    named = ClassTable(np.array(whole.classes.names), whole.classes.vectors, whole.classes.names)
    is_unseen = np.isin(whole.classes.labels, whole.unseen)
    seen, unseen = named.labels[~is_unseen], named.labels[is_unseen]
    seen, unseen = seen[:: len(seen) // n_seen][:n_seen], unseen[:: len(unseen) // n_unseen][:n_unseen]
    return named.select(np.concatenate([seen, unseen])), unseen


def _photographs(source: str, names, per_class: int, folder, split: str = "train") -> tuple[list[bytes], np.ndarray]:
    contents, y = photographs(source, split, folder)
    kept = np.concatenate([np.flatnonzero(y == name)[:per_class] for name in names])
    return [contents[i] for i in kept], y[kept]


def _encoded(contents: list[bytes]) -> np.ndarray:
    return cast(PatchEncoder, load_encoder("mini")).encode_patches(contents)


def _task(X: np.ndarray, y: np.ndarray, table: ClassTable, unseen, name: str) -> ZeroShotTask:
    held_out, of_unseen, at = np.zeros(len(y), dtype=bool), np.isin(y, unseen), np.arange(len(y))
    for label in table.labels:
        held_out[np.flatnonzero(y == label)[::4]] = True
    return ZeroShotTask(X, y, table, at[~of_unseen & ~held_out], at[~of_unseen & held_out], at[of_unseen], name)


def _coco(folder) -> tuple[list[dict], list[bytes]]:
    files: dict[str, dict[str, bytes]] = {}
    with tarfile.open(_pack(folder) / "images" / "coco-000000.tar.gz") as tar:
        for member in tar:
            key, _, suffix = member.name.partition(".")
            if (file := tar.extractfile(member)) is not None:
                files.setdefault(key, {})[suffix] = file.read()
    return [json.loads(f["json"]) for f in files.values()], [f["jpg"] for f in files.values()]


def _pack(folder: str | Path | None) -> Path:
    pack = Path(folder or os.environ.get("ZORSE_DATA") or "../shared/data")
    if not (pack / "images").is_dir():
        raise NotAvailableError(f"{pack} is not there; set ZORSE_DATA to the folder of the data pack")
    return pack
