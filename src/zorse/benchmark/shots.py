"""Labelled shots of the pack's photographs, beside the held-out ones that a claim is measured on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from zorse.benchmark.photographs import SPOKEN, PhotoTask, embedded
from zorse.core import ClassTable
from zorse.data.photographs import photographs
from zorse.encoders import content_digest
from zorse.evaluation import draw_shots
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
    """

    X: np.ndarray
    y: np.ndarray
    test: tuple[np.ndarray, np.ndarray]
    table: ClassTable


@lru_cache(maxsize=1)
def _training(source: str) -> tuple[list[bytes], np.ndarray, list[str]]:
    pack = Path(os.environ.get("ZORSE_DATA") or "../shared/data")
    contents, y = photographs(source, "train", pack)
    # A file that occurs twice counts once.
    first = list({content_digest(content): i for i, content in reversed(list(enumerate(contents)))}.items())[::-1]
    at = [i for _, i in first]
    return [contents[i] for i in at], np.array([SPOKEN.get(n, n) for n in y[at].tolist()]), [key for key, _ in first]


def with_shots(task: PhotoTask, shots: int, seed: int) -> ShotTask:
    """``shots`` training photographs of each class of ``task``, drawn by ``seed``; only these are embedded."""
    contents, y, keys = _training(task.name)
    at = draw_shots(y, shots, seed, keys)
    X = embedded([contents[i] for i in at], task.encoder, task.store)
    table = class_table(np.unique(task.y), task.encoder, templates=task.templates, store=task.store)
    return ShotTask(X.astype(float), y[at], (task.X.astype(float), task.y), table)
