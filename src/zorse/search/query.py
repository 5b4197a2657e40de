"""What is asked of an index, and how several parts of a question become one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from zorse.core.errors import CapabilityError, InputError


@dataclass(frozen=True)
class Query:
    """A question: a text, an image, or both, and what must not be there.

    Attributes
    ----------
    text : str or None
        What is looked for; beside an image, what is to be different about it.
    image : PIL.Image.Image or None
        What it looks like.
    without : tuple of str
        What is not wanted.
    """

    text: str | None = None
    image: Any = None
    without: tuple[str, ...] = ()

    def __post_init__(self):
        if self.text is None and self.image is None:
            raise InputError("a search needs a text or an image" + (" beside what is not wanted" * bool(self.without)))
        for text in (self.text, *self.without):
            if text is not None and not text.strip():
                raise InputError("the text of a search is empty")


@runtime_checkable
class Composer(Protocol):
    """Makes one vector of a question that has several parts: the place where composed-retrieval papers plug in."""

    def compose(self, query: Query, encoder: Any, gallery: Callable[[], np.ndarray]) -> np.ndarray:
        """The vector (dim,) whose inner products with the index order the hits.

        Parameters
        ----------
        query : Query
        encoder : DualEncoder
            The one that made the index.
        gallery : callable
            Gives a sample (m, dim) of the vectors in the index; read only when called.
        """


class LateFusion:
    """Adds up the parts' similarities, each in units of its own spread over the index.

    Cosines between two images are larger and spread wider than those between a text and an image, so that a plain
    sum would hardly hear the text. Divided by its standard deviation over the index, each part counts the same.
    The sum is linear in the images' vectors, so one search answers it.

    Parameters
    ----------
    without_weight : float
        How much an unwanted text counts against a wanted part.
    """

    def __init__(self, without_weight: float = 0.25):
        self.without_weight = without_weight

    def compose(self, query: Query, encoder: Any, gallery: Callable[[], np.ndarray]) -> np.ndarray:
        """See :class:`Composer`."""
        texts = [text for text in (query.text, *query.without) if text is not None]
        rows: list[np.ndarray] = []
        if query.image is not None:
            rows.append(encoder.encode_images([query.image])[0])
        if texts:
            rows += list(encode_texts(encoder, texts))
        if len(rows) == 1:
            return rows[0]
        parts = np.stack(rows).astype(np.float32)
        share = np.ones(len(parts), np.float32)
        if query.without:
            share[-len(query.without) :] = -self.without_weight / len(query.without)
        sample = gallery()
        spread = (sample @ parts.T).std(axis=0) if len(sample) > 1 else np.ones(len(parts))
        # Where all rows are alike a part says nothing; it is left as it is.
        spread = np.where(spread > 1e-6, spread, 1.0)
        fused = (share / spread) @ parts
        length = float(np.linalg.norm(fused))
        if length < 1e-9:
            raise InputError("what is wanted and what is not are the same")
        return (fused / length).astype(np.float32)


def encode_texts(encoder: Any, texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of texts.

    Raises
    ------
    CapabilityError
        If the encoder reads no text.
    """
    if not hasattr(encoder, "encode_text"):
        raise CapabilityError(f"model {encoder.name!r} has no text tower; search by an image")
    return encoder.encode_text(list(texts))
