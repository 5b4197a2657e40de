"""Classifiers by their labels: built once, off the event loop, with every text encoded once."""

from __future__ import annotations

import asyncio
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from threading import Lock
from typing import Any

import numpy as np

from zorse.core.errors import CapabilityError
from zorse.core.image import open_image
from zorse.jobs.classify import Classifier

_TEXTS = 20_000  # text embeddings kept; 40 MB at 512 numbers each
_LABELS = 20_000  # labels of kept classifiers, all together


class CachedTexts:
    """An encoder that remembers what texts it has encoded; everything else is the encoder's."""

    def __init__(self, encoder: Any, told: Callable[[int, int], None] = lambda found, new: None):
        self._encoder, self._told = encoder, told
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._one = Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_text(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """n strings -> unit vectors (n, dim), float32."""
        with self._one:
            return self._rows(list(texts), options)

    def _rows(self, texts: list[str], options: dict[str, Any]) -> np.ndarray:
        new = list(dict.fromkeys(text for text in texts if text not in self._kept))
        self._told(len(texts) - len(new), len(new))
        if new:
            self._kept.update(zip(new, self._encoder.encode_text(new, **options)))
        rows = []
        for text in texts:
            self._kept.move_to_end(text)
            rows.append(self._kept[text])
        while len(self._kept) > _TEXTS:
            self._kept.popitem(last=False)
        return np.stack(rows) if rows else np.empty((0, self._encoder.dim), np.float32)


class Named:
    """A classifier, and what was said while it was made (a text that is cut, for instance)."""

    def __init__(self, classifier: Classifier, notes: tuple[str, ...]):
        self.classifier, self.notes = classifier, notes


class Namer:
    """Gives the classifier of some labels.

    Parameters
    ----------
    encoder : encoder with texts
    default : Classifier, optional
        Answers requests that bring no labels.
    fixed : bool
        Whether requests may bring none, because the model has learned its own.
    told : callable
        Called with the number of texts that were known and that were new.
    """

    def __init__(
        self,
        encoder: Any,
        default: Classifier | None = None,
        *,
        fixed: bool = False,
        templates: Any = None,
        told: Callable[[int, int], None] = lambda found, new: None,
    ):
        self.texts = hasattr(encoder, "encode_text")
        self.encoder = CachedTexts(encoder, told) if self.texts else encoder
        self.default, self.fixed, self.templates = default, fixed, templates
        # One thread: texts never take more than one core from images.
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="zorse-text")
        self._made: OrderedDict[tuple[str, ...], asyncio.Future[Named]] = OrderedDict()

    async def named(self, labels: Sequence[str] | None, top_k: int) -> Named:
        """The classifier of these labels, listing ``top_k``; of the service's own labels, if None.

        Raises
        ------
        InputError, CapabilityError
            If the labels cannot be used, or there is nothing to read them with.
        """
        if labels is None or self.fixed:
            if labels is not None:
                raise CapabilityError("this model has learned its own labels; send none")
            if self.default is None:
                raise CapabilityError("no labels; send at least two, such as cat, dog")
            labels = self.default.labels
        key = tuple(labels)
        if (made := self._made.get(key)) is None or (made.done() and (made.cancelled() or made.exception())):
            made = asyncio.get_running_loop().run_in_executor(self.thread, self._make, key)
            self._made[key] = made
            while len(self._made) > 1 and sum(map(len, self._made)) > _LABELS:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        try:
            named = await asyncio.shield(made)  # others may wait for the same labels
        except Exception:
            self._made.pop(key, None)
            raise
        listing = copy(named.classifier)
        listing.top_k = min(top_k, len(key))
        return Named(listing, named.notes)

    async def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of texts (n, dim)."""
        if not self.texts:
            raise CapabilityError("this model has no text tower; it embeds images only")
        return await asyncio.get_running_loop().run_in_executor(self.thread, self._vectors, list(texts))

    def _vectors(self, texts: list[str]) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.encoder.encode_text(texts)

    def _make(self, labels: tuple[str, ...]) -> Named:
        if self.default is not None and labels == tuple(self.default.labels):
            return Named(self.default, ())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made = Classifier(labels, self.encoder, templates=self.templates)
        return Named(made, tuple(str(warning.message) for warning in caught if warning.category is UserWarning))


def heat_maps(encoder: Any, classifier: Classifier, content: bytes, labels: Sequence[str]) -> dict[str, Any]:
    """Where an image supports each label: the label's probability, patch by patch, and the part that is looked at.

    Returns
    -------
    dict
        ``maps``: by label, rows of probabilities (gh, gw). ``box``: left, top, width and height of the part of the
        image that the encoder sees, as shares of the image.
    """
    from zorse.jobs.explain import seen_part

    image = open_image(content, min_size=encoder.image_size)
    grid = np.asarray(encoder.encode_patches([image])[0])
    p = classifier.probabilities(grid.reshape(-1, grid.shape[-1])).reshape(*grid.shape[:2], -1)
    part = seen_part(image, encoder.preprocess)
    width, height = part.width / image.width, part.height / image.height
    columns = {label: at for at, label in enumerate(classifier.labels)}
    return {
        "maps": {label: np.round(p[:, :, columns[label]], 4).tolist() for label in labels},
        "box": [round((1 - width) / 2, 4), round((1 - height) / 2, 4), round(width, 4), round(height, 4)],
    }


def has_patches(encoder: Any) -> bool:
    """Whether an encoder gives patches in the space of its texts."""
    if not (hasattr(encoder, "encode_patches") and hasattr(encoder, "encode_text")):
        return False
    try:
        height, width = encoder.image_size
        grid = encoder.encode_patches([np.full((height, width, 3), 127, np.uint8)])
    except CapabilityError:
        return False
    return grid.ndim == 4 and grid.shape[-1] == encoder.dim
