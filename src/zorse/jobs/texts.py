"""Which text is behind each prompt of a class table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import CapabilityError
from zorse.encoders.store import encode_text
from zorse.nn.vectors import unit_rows


class NotedTexts:
    """An encoder that notes the texts it is given, so that the prompts of a table can be told by their vectors.

    Parameters
    ----------
    encoder : TextEncoder
    store : EmbeddingStore, optional
        Where texts are looked up first.
    """

    def __init__(self, encoder: Any, store: Any = None):
        self._encoder, self._store = encoder, store
        self._texts: list[str] = []
        self._vectors: list[np.ndarray] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """As of the encoder."""
        vectors = encode_text(self._encoder, texts, self._store)
        self._texts += map(str, texts)
        self._vectors.append(vectors)
        return vectors

    def of(self, table: ClassTable) -> list[list[str]]:
        """The text of every prompt of ``table``.

        Raises
        ------
        CapabilityError
            If a prompt is the vector of no single text.
        """
        seen = unit_rows(np.concatenate(self._vectors).astype(np.float64))
        found: list[list[str]] = []
        for prompts in table.prompts or ():
            nearness = unit_rows(np.asarray(prompts, np.float64)) @ seen.T
            best = nearness.argmax(axis=1)
            if (nearness.max(axis=1) < 1 - 1e-5).any():
                found = []
                break
            found.append([self._texts[i] for i in best])
        if not found:
            raise CapabilityError(
                "this method's prompts are no single texts, so that explain can't name one; others can"
            )
        return found
