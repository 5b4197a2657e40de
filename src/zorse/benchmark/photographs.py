"""Real photographs and what the papers say of their classes: what claims about prompts are run on."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from zorse.core import InputError, NotAvailableError, ZeroShotClassifier
from zorse.data import ZeroShotTask
from zorse.data.photographs import photographs
from zorse.encoders import DualEncoder, EmbeddingStore, content_digest, encode_crops, load_encoder
from zorse.evaluation import mean_class_accuracy
from zorse.semantics import class_table, read_descriptions, read_templates

# The data set's name among CLIP's published templates, and the file of CuPL's sentences, where there is one.
TEXTS = {
    "tiny-imagenet": ("ImageNet", None),
    "caltech101": ("Caltech101", "cal"),
    "cifar10": ("CIFAR10", "cifar10"),
    "pacs": ("ImageNet", None),
}
# Class names as CLIP and CuPL write them.
SPOKEN = {
    "car side": "side of a car",
    "cougar body": "body of a cougar cat",
    "crocodile head": "head of a crocodile",
    "flamingo head": "head of a flamingo",
    "yin yang": "yin and yang symbol",
}
STYLES = "pacs-styles"
_OF_STYLES = ("a {}.", "the {}.")


@dataclass(frozen=True, eq=False)
class PhotoTask:
    """Embedded photographs of named classes.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Unit embeddings of the photographs that nothing was trained on.
    y : ndarray of shape (n,)
        Class names.
    encoder : DualEncoder
        What made X and turns prompts into class vectors.
    store : EmbeddingStore
        Keeps the embeddings of photographs and prompts between runs.
    templates : tuple of str
        CLIP's hand-written templates for this data set.
    descriptions : dict of str to list of str
        CuPL's sentences; empty where none are published.
    name : str
    contents : tuple of n bytes, optional
        The image files.
    """

    X: np.ndarray
    y: np.ndarray
    encoder: DualEncoder
    store: EmbeddingStore
    templates: tuple[str, ...]
    descriptions: dict[str, list[str]]
    name: str
    contents: tuple[bytes, ...] | None = None

    def draw(self, seed: int) -> PhotoTask:
        """The photographs of half of the classes, drawn by ``seed``; seed 0 takes all."""
        if seed == 0:
            return self
        names = np.unique(self.y)
        drawn = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
        keep = np.isin(self.y, drawn)
        told = {name: self.descriptions[name] for name in drawn.tolist() if name in self.descriptions}
        return self._of(keep, descriptions=told, name=f"{self.name}, half {seed} of its classes")

    def accuracy(self, model: ZeroShotClassifier, *, templates=None, descriptions=None) -> float:
        """Mean class accuracy of ``model`` over these classes, described by templates, descriptions or both.

        A method that writes texts of its own (``describe``) does so.
        """
        describe = getattr(model, "describe", class_table)
        table = describe(
            np.unique(self.y), self.encoder, templates=templates, descriptions=descriptions, store=self.store
        )
        return mean_class_accuracy(self.y, model.fit(None, None, classes=table).predict(self.X))

    def among(self, names) -> PhotoTask:
        """The photographs of these classes."""
        return self._of(np.isin(self.y, list(names)))

    def _of(self, keep: np.ndarray, **changes) -> PhotoTask:
        at = np.arange(len(self.y))[keep]
        contents = None if self.contents is None else tuple(self.contents[i] for i in at)
        return replace(self, X=self.X[at], y=self.y[at], contents=contents, **changes)

    def thinned(self, per_class: int) -> PhotoTask:
        """At most so many photographs of each class, spread evenly over those there are."""
        kept = []
        for name in np.unique(self.y):
            own = np.flatnonzero(self.y == name)
            kept.append(own[np.unique(np.linspace(0, len(own) - 1, min(per_class, len(own))).astype(int))])
        return self._of(np.sort(np.concatenate(kept)))

    def crops(self, boxes) -> np.ndarray:
        """Embeddings of the crops of every photograph that ``boxes(width, height)`` names; kept in the store."""
        if self.contents is None:
            raise InputError("the photographs themselves are not at hand")
        return np.stack(
            [
                encode_crops(content, boxes, self.encoder, digest=content_digest(content), store=self.store)
                for content in self.contents
            ]
        )

    def as_task(self) -> ZeroShotTask:
        """Embeddings to learn from: every third class by name is unseen, every fourth photograph of the rest held out.

        Classes are described by templates and sentences; the table keeps each prompt's embedding. Samples and class
        vectors live in one space.
        """
        names = np.unique(self.y)
        table = class_table(
            names, self.encoder, templates=self.templates, descriptions=self.descriptions or None, store=self.store
        )
        unseen = np.isin(self.y, names[2::3])
        held_out = np.zeros(len(self.y), dtype=bool)
        for name in names:
            held_out[np.flatnonzero(self.y == name)[::4]] = True
        at = np.arange(len(self.y))
        parts = (at[~unseen & ~held_out], at[~unseen & held_out], at[unseen])
        return ZeroShotTask(self.X.astype(float), self.y, table, *parts, f"{self.name}, photographs")


def embedded_model() -> str:
    """Fingerprint of the embedded model: with other weights a claim gives other figures."""
    encoder = cast(DualEncoder, load_encoder("mini"))
    return f"{encoder.fingerprint} {encoder.text_fingerprint}"


def named_photographs(source: str, split: str = "val", pack: Path | None = None) -> tuple[list[bytes], np.ndarray]:
    """Image files of ``source`` and their classes as they are spoken of.

    "pacs-styles" are the photographs of PACS named by style and class, "cartoon of a dog": what the embedded model was
    never taught, though it has seen those that are for training.
    """
    if source != STYLES:
        contents, y = photographs(source, split, pack)
        return contents, np.array([SPOKEN.get(name, name) for name in y.tolist()])
    contents, y = photographs("pacs", split, pack)
    style = np.char.replace(photographs("pacs", split, pack, of="domain")[1], "_", " ")
    return contents, np.array(
        [f"{s} of {'an' if name[0] in 'aeiou' else 'a'} {name}" for s, name in zip(style.tolist(), y.tolist())]
    )


def photo_task(source: str, encoder: DualEncoder | None = None, folder: str | Path | None = None) -> PhotoTask:
    """The pack's held-out photographs of ``source``, embedded by ``encoder`` (the embedded model, if not given).

    Embeddings are kept in the store at the environment variable ``ZORSE_STORE``, else ``.cache/embeddings``.

    Raises
    ------
    NotAvailableError
        If the data pack is absent.
    """
    pack = Path(folder or os.environ.get("ZORSE_DATA") or "../shared/data")
    contents, y = named_photographs(source, pack=pack)
    encoder = encoder or cast(DualEncoder, load_encoder("mini"))
    store = EmbeddingStore(os.environ.get("ZORSE_STORE") or ".cache/embeddings")
    dataset, sentences = TEXTS.get(source, (None, None))
    templates = pack / "text" / "openai_clip_prompts.json"
    if not templates.is_file():
        raise NotAvailableError(f"{templates} is not there; set ZORSE_DATA to the folder of the data pack")
    names = np.unique(y).tolist()
    told = pack / "text" / "cupl" / f"{sentences}_prompts_base.json"
    descriptions = read_descriptions(told, names, unknown="ignore") if sentences else {}
    X = embedded(contents, encoder, store)
    written = tuple(read_templates(f"{templates}:{dataset}")) if dataset else _OF_STYLES
    return PhotoTask(X, y, encoder, store, written, descriptions, source, tuple(contents))


def pacs_photos() -> tuple[np.ndarray, np.ndarray, np.ndarray, DualEncoder, EmbeddingStore]:
    """The pack's held-out photographs of PACS: unit embeddings, classes, styles, and what they were made with."""
    contents, y = photographs("pacs")
    style = np.char.replace(photographs("pacs", of="domain")[1], "_", " ")
    encoder = cast(DualEncoder, load_encoder("mini"))
    store = EmbeddingStore(os.environ.get("ZORSE_STORE") or ".cache/embeddings")
    return embedded(contents, encoder, store), y, style, encoder, store


def teacher_features(source: str, split: str = "val") -> np.ndarray:
    """MobileNetV1's features (n, 1024) of the photographs of a split, in the order of :func:`photographs`.

    Raises
    ------
    NotAvailableError
        If the data pack is absent.
    """
    path = Path(os.environ.get("ZORSE_DATA") or "../shared/data") / "teacher" / f"{source}.npz"
    if not path.is_file():
        raise NotAvailableError(f"{path} is not there; set ZORSE_DATA to the folder of the data pack")
    with np.load(path, allow_pickle=False) as z:
        row = {key: i for i, key in enumerate(z["keys"].tolist())}
        at = [row[key] for key in photographs(source, split, of="key")[1].tolist()]
        return (z["features"][at].astype(np.float32) - z["zero_point"]) * z["scale"]


def embedded(contents: list[bytes], encoder: DualEncoder, store: EmbeddingStore, block: int = 512) -> np.ndarray:
    """Embeddings (n, d) of image files; what the store lacks is encoded in blocks, each kept as soon as it is done."""
    digests = [content_digest(content) for content in contents]
    _, found = store.get(digests, encoder.fingerprint)
    missing = np.flatnonzero(~found).tolist()
    for start in range(0, len(missing), block):
        at = missing[start : start + block]
        vectors = encoder.encode_images([contents[i] for i in at])
        store.put([digests[i] for i in at], vectors, encoder.fingerprint, name=encoder.name)
    return store.get(digests, encoder.fingerprint)[0]
