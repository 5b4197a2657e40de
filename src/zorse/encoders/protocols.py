"""What an encoder can do, split by capability. A method asks for the least it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from PIL.Image import Image
    from torch import Tensor, nn


@runtime_checkable
class ImageEncoder(Protocol):
    """Turns images into unit vectors of length ``dim``.

    Attributes
    ----------
    name : str
        What ``load_encoder`` was asked for.
    dim : int
        Length of a vector.
    fingerprint : str
        Hex digest of the weights and of the image preprocessing: two encoders with the same
        fingerprint give the same embedding of the same image.
    image_size : tuple of int
        Height and width in pixels that ``preprocess`` produces; lets a reader decode large JPEGs smaller.
    """

    name: str
    dim: int
    image_size: tuple[int, int]

    @property
    def fingerprint(self) -> str:
        """See above."""

    def preprocess(self, image: Image) -> Tensor:
        """One RGB image -> float32 pixels (3, h, w). Runs in reader threads, so it holds no state."""

    def encode_pixels(self, pixels: Tensor) -> np.ndarray:
        """Preprocessed pixels (n, 3, h, w) -> unit vectors (n, dim), float32."""

    def encode_images(self, images: Iterable, *, batch_size: int = 32) -> np.ndarray:
        """Anything ``zorse.core.open_image`` opens (PIL, array, path, bytes) -> unit vectors (n, dim), float32."""


@runtime_checkable
class TextEncoder(Protocol):
    """Turns texts into unit vectors of length ``dim``; ``text_fingerprint`` identifies tower and tokenizer."""

    dim: int

    @property
    def text_fingerprint(self) -> str:
        """See above."""

    def encode_text(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """n strings -> unit vectors (n, dim), float32, independent of how they are batched."""


@runtime_checkable
class PatchEncoder(Protocol):
    """Turns images into a grid of vectors in the space of the texts where the architecture has one."""

    def encode_patches(self, images: Iterable, *, batch_size: int = 32) -> np.ndarray:
        """n images -> unit vectors (n, grid_h, grid_w, dim), float32."""


@runtime_checkable
class PromptEncoder(TextEncoder, Protocol):
    """A text encoder that also accepts learned token embeddings of length ``token_dim``."""

    token_dim: int

    def encode_tokens(self, context: Tensor | Sequence[Tensor], names: Sequence[str]) -> Tensor:
        """Context put before each class name -> unit vectors (n, dim), differentiable, in one trimmed batch.

        ``context`` is (n, length, token_dim), or n tensors of different lengths. A name may be empty.
        """

    def token_vectors(self, texts: Sequence[str]) -> list[Tensor]:
        """What the tower reads for each text: its word pieces (length, token_dim), without those of start and end."""


@runtime_checkable
class DualEncoder(ImageEncoder, TextEncoder, Protocol):
    """Images and texts in one space.

    ``logit_scale`` multiplies cosines before a softmax (or, with ``logit_bias``, a sigmoid).
    """

    logit_scale: float
    logit_bias: float | None


@runtime_checkable
class TrainableEncoder(DualEncoder, Protocol):
    """A dual encoder whose weights can move."""

    def pixel_vectors(self, pixels: Tensor) -> Tensor:
        """Preprocessed pixels (n, 3, h, w) -> unit vectors (n, dim) that gradients pass through."""

    def text_vectors(self, texts: Sequence[str]) -> Tensor:
        """n strings -> unit vectors (n, dim) that gradients pass through, in one batch."""

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Parts with weights; their names begin with the tower they belong to, ``image`` or ``text``."""

    def duplicate(self) -> Self:
        """The same encoder with weights of its own."""

    def changed(self) -> None:
        """Say that weights have moved, so that fingerprints differ."""

    def save(self, folder: Path) -> None:
        """Write a folder that ``load_encoder`` reads."""
