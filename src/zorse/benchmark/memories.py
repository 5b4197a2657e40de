"""External memories that claims are run on: photographs without labels or with captions, and sentences."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded
from zorse.data.photographs import photographs
from zorse.encoders.store import encode_text
from zorse.semantics import WordNet, read_descriptions
from zorse.semantics.files import read_json
from zorse.semantics.memory import Memory

POOLS = ("cifar10", "caltech101", "tiny-imagenet")
PER_POOL = 1500
# What photographs show: WordNet's animals and artefacts.
ROOTS = ("n00015388", "n00021939")
_KEPT: dict[str, Memory] = {}


def photo_pool(task: PhotoTask, *, captioned: bool = False) -> Memory:
    """Training photographs of three sources together, 1,500 of each, spread evenly; nobody says what they show.

    ``captioned``: those of the two sources that the task is not from, each with its class's name as a caption.
    """
    sources = [source for source in POOLS if not (captioned and task.name.startswith(source))]
    key = f"{sources} {captioned} {task.encoder.fingerprint}"
    if key not in _KEPT:
        contents: list[bytes] = []
        texts: list[str] = []
        for source in sources:
            own, names = photographs(source, split="train")
            at = np.unique(np.linspace(0, len(own) - 1, min(PER_POOL, len(own))).astype(int))
            contents += [own[i] for i in at]
            texts += [f"a photo of a {names[i]}." for i in at]
        vectors = embedded(contents, task.encoder, task.store)
        captions = encode_text(task.encoder, texts, task.store) if captioned else None
        _KEPT[key] = Memory(captions, vectors, texts if captioned else None, model=task.encoder.name)
    return _KEPT[key]


def halves(task: PhotoTask, seed: int, n_chosen: int = 600) -> tuple[PhotoTask, PhotoTask]:
    """Half of the classes, drawn by ``seed``, to report on; ``n_chosen`` photographs of the others, to choose on."""
    drawn = task.draw(seed + 1)
    rest = np.flatnonzero(~np.isin(task.y, np.unique(drawn.y)))
    rest = np.random.default_rng(seed).permutation(rest)[:n_chosen]
    names = set(task.y[rest].tolist())
    told = {name: texts for name, texts in task.descriptions.items() if name in names}
    return drawn, replace(task, X=task.X[rest], y=task.y[rest], descriptions=told)


def chosen(score: Callable[[dict[str, Any]], float], **grid: tuple) -> dict[str, Any]:
    """The setting of a grid with the highest score, the first of equals."""
    settings = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return max(settings, key=score)


@lru_cache(maxsize=1)
def wordnet() -> WordNet:
    """WordNet, read once."""
    return WordNet.read()


def sentences(task: PhotoTask) -> Memory:
    """What the pack and WordNet say of things, as captions, whatever the task is about.

    WordNet's names and definition of every kind of animal and artefact, and five sentences of every class that CuPL or
    GPT's descriptors speak of, in whichever data set: things that several captions name, as they do in the web's.
    """
    key = f"sentences {task.encoder.text_fingerprint}"
    if key not in _KEPT:
        nouns = wordnet()
        kinds = list(dict.fromkeys(kind for root in ROOTS for kind in nouns.descendants(root)))
        texts = [f"{', '.join(nouns[kind].names)}: {nouns[kind].definition}" for kind in kinds]
        pack = Path(os.environ.get("ZORSE_DATA") or "../shared/data") / "text"
        for path in [*sorted((pack / "cupl").glob("*.json")), *sorted((pack / "gpt_descriptors").glob("*.json"))]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of classes without a text
                told = read_descriptions(path, list(read_json(path)))
            texts += [text for of_class in told.values() for text in of_class[:5]]
        texts = list(dict.fromkeys(texts))
        vectors = encode_text(task.encoder, texts, task.store)
        _KEPT[key] = Memory(vectors, texts=texts, model=task.encoder.name)
    return _KEPT[key]
