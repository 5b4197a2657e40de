"""Embeddings of parts of an image, each encoded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.image import open_image
from zorse.encoders.store import EmbeddingStore, content_digest

if TYPE_CHECKING:
    from zorse.encoders.protocols import ImageEncoder


def encode_crops(
    content: Any, boxes: Any, encoder: ImageEncoder, *, digest: str | None = None, store: EmbeddingStore | None = None
) -> np.ndarray:
    """Embeddings of crops of one image, of the shape of ``boxes`` with d in place of its last axis.

    Parameters
    ----------
    content : bytes or PIL image
    boxes : array of shape (..., 4), or callable
        (left, top, right, bottom) in pixels; or what gives them for the image's width and height.
    encoder : ImageEncoder
    digest : str, optional
        The image's key in the store; without it nothing is kept.
    store : EmbeddingStore, optional
        Keeps a crop's embedding under the image's digest and the box. The box of the whole image is the image itself.

    Notes
    -----
    A box that occurs twice is encoded once. Memory: the pixels of one image's distinct
    crops, as the encoder wants them.
    """
    image = open_image(content)
    width, height = image.size
    boxes = np.asarray(boxes(width, height) if callable(boxes) else boxes, dtype=int)
    distinct, at = np.unique(boxes.reshape(-1, 4), axis=0, return_inverse=True)
    vectors = np.zeros((len(distinct), encoder.dim), dtype=np.float32)
    found, keys = np.zeros(len(distinct), dtype=bool), []
    keep = store if digest is not None else None
    if keep is not None:
        keys = [
            digest or "" if tuple(box) == (0, 0, width, height) else content_digest(f"crop {digest} {box.tolist()}")
            for box in distinct
        ]
        kept, found = keep.get(keys, encoder.fingerprint)
        if found.any():  # a store that has nothing of this encoder does not know its dimension
            vectors[found] = kept
    missing = np.flatnonzero(~found)
    if len(missing):
        vectors[missing] = encoder.encode_images([image.crop(tuple(distinct[i].tolist())) for i in missing])
        if keep is not None:
            keep.put([keys[i] for i in missing], vectors[missing], encoder.fingerprint, name=encoder.name)
    return vectors[at.ravel()].reshape(*boxes.shape[:-1], -1)
