"""Labelled shots of the pack's photographs, beside the held-out ones that a claim is measured on."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded, named_photographs
from zorse.core import ClassTable
from zorse.data.photographs import photographs
from zorse.encoders import content_digest
from zorse.evaluation import draw_shots, mean_class_accuracy
from zorse.methods.pretraining.clip import CLIP
from zorse.semantics import class_table


@dataclass(frozen=True, eq=False)
class ShotTask:
    """Shots of each class, the photographs to measure on, and the classes' texts.

    Attributes
    ----------
    X, y : ndarrays of shape (n, d), (n,)
        The shots' unit embeddings and labels.
    test : tuple of ndarrays
        Held-out photographs; never looked at before the end.
    table : ClassTable
    contents : tuple of n bytes
        The shots' image files.
    """

    X: np.ndarray
    y: np.ndarray
    test: tuple[np.ndarray, np.ndarray]
    table: ClassTable
    contents: tuple[bytes, ...]


@lru_cache(maxsize=1)
def _training(source: str) -> tuple[list[bytes], np.ndarray, list[str]]:
    pack = Path(os.environ.get("ZORSE_DATA") or "../shared/data")
    contents, y = named_photographs(source, "train", pack)
    # A file that occurs twice counts once.
    first = list({content_digest(content): i for i, content in reversed(list(enumerate(contents)))}.items())[::-1]
    at = [i for _, i in first]
    return [contents[i] for i in at], y[at], [key for key, _ in first]


def with_shots(task: PhotoTask, shots: int, seed: int) -> ShotTask:
    """``shots`` training photographs of each class of ``task``, drawn by ``seed``; only these are embedded."""
    contents, y, keys = _training(task.name)
    at = draw_shots(y, shots, seed, keys)
    drawn = tuple(contents[i] for i in at)
    X = embedded(list(drawn), task.encoder, task.store)
    table = class_table(np.unique(task.y), task.encoder, templates=task.templates, store=task.store)
    return ShotTask(X.astype(float), y[at], (task.X.astype(float), task.y), table, drawn)


@dataclass(frozen=True, eq=False)
class StyledShots:
    """Image files of PACS: shots of every class in every style, and held-out ones to measure on.

    Attributes
    ----------
    images, y, style : list of bytes, ndarrays of shape (n,)
        Shots, their classes and their styles.
    test : tuple of list of bytes and two ndarrays
        The same of held-out photographs.
    """

    images: list[bytes]
    y: np.ndarray
    style: np.ndarray
    test: tuple[list[bytes], np.ndarray, np.ndarray]


def styled_shots(shots: int, seed: int, held_out: int = 20) -> StyledShots:
    """``shots`` training photographs of each class in each style, ``held_out`` others, always the same."""
    parts = []
    for split, n, draw in (("train", shots, seed), ("val", held_out, 0)):
        contents, y, style, keys = _pacs(split)
        at = draw_shots(np.char.add(np.char.add(y, ", "), style), n, draw, keys)
        parts.append(([contents[i] for i in at], y[at], style[at]))
    return StyledShots(*parts[0], parts[1])


def on_other_styles(models: Iterable[Any], seed: int) -> tuple[float, ...]:
    """Mean class accuracy of trainers with a head on sketches, cartoons and paintings; taught 8 photographs a class."""
    shots = styled_shots(8, seed, 10)
    photos = [image for image, style in zip(shots.images, shots.style, strict=True) if style == "photo"]
    images, y, style = shots.test
    others = [image for image, s in zip(images, style, strict=True) if s != "photo"]
    found = []
    for model in models:
        model.fit(photos, shots.y[shots.style == "photo"])
        head = CLIP().fit(None, None, classes=model.table_)
        found.append(mean_class_accuracy(y[style != "photo"], head.predict(model.encoder_.encode_images(others))))
    return tuple(found)


@lru_cache(maxsize=2)
def _pacs(split: str) -> tuple[list[bytes], np.ndarray, np.ndarray, list[str]]:
    """Image files, classes, styles and digests; a file that occurs twice counts once."""
    pack = Path(os.environ.get("ZORSE_DATA") or "../shared/data")
    contents, y = photographs("pacs", split, pack)
    style = np.char.replace(photographs("pacs", split, pack, of="domain")[1], "_", " ")
    kept = {content_digest(content): i for i, content in enumerate(contents)}
    at = list(kept.values())
    return [contents[i] for i in at], y[at], style[at], list(kept)
