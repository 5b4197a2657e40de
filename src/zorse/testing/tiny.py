"""A dual encoder of a few hundred weights, for checking what trains encoders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import normalize

from zorse.core import open_image, seeded
from zorse.encoders.checkpoint import tensors_digest


class TinyEncoder:
    """One convolution over pictures of 16 x 16, one linear map of counted letters; a :class:`TrainableEncoder`.

    Parameters
    ----------
    random_state : int
        Of the weights.
    """

    name = "tiny"
    dim = 8
    image_size = (16, 16)
    logit_scale = 20.0
    logit_bias = None

    def __init__(self, random_state: int = 0):
        with seeded(random_state):
            image = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(4), nn.ReLU(), nn.Flatten(), nn.Linear(128, 8))
            text = nn.Sequential(nn.Linear(27, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 8))
        self.parts = nn.ModuleDict({"image": image, "text": text}).requires_grad_(False)
        self.changed()

    def __sklearn_clone__(self) -> Self:
        return self

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The towers."""
        return dict(self.parts.items())

    def duplicate(self) -> Self:
        """The same encoder with weights of its own."""
        return deepcopy(self)

    def changed(self) -> None:
        """Take new fingerprints."""
        self.fingerprint = self.text_fingerprint = tensors_digest(self.parts.state_dict())

    def save(self, folder: Path) -> None:
        """Weights alone."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.parts.state_dict(), folder / "model.safetensors")

    def preprocess(self, image: Image.Image) -> Tensor:
        """Sixteen pixels a side, from 0 to 1."""
        small = np.asarray(image.resize(self.image_size), dtype=np.float32) / 255
        return torch.from_numpy(small).permute(2, 0, 1).contiguous()

    def pixel_vectors(self, pixels: Tensor) -> Tensor:
        """Unit vectors (n, 8)."""
        return normalize(self.parts["image"](pixels), dim=1)

    def text_vectors(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (n, 8)."""
        counts = torch.zeros(len(texts), 27)
        for row, text in zip(counts, texts, strict=True):
            for letter in text.lower():
                row[ord(letter) - 97 if "a" <= letter <= "z" else 26] += 1
        return normalize(self.parts["text"](counts), dim=1)

    @torch.inference_mode()
    def encode_pixels(self, pixels: Tensor) -> np.ndarray:
        """Unit vectors (n, 8)."""
        return self.pixel_vectors(pixels).numpy()

    def encode_images(self, images: Iterable, *, batch_size: int = 32) -> np.ndarray:
        """Unit vectors (n, 8)."""
        return self.encode_pixels(torch.stack([self.preprocess(open_image(image)) for image in images]))

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Unit vectors (n, 8)."""
        return self.text_vectors(texts).numpy()


def tiny_pictures(n: int = 12) -> tuple[list[np.ndarray], np.ndarray]:
    """Noisy squares of three colours, and the colours' names."""
    rng = np.random.default_rng(0)
    colours = {"blue": (40, 40, 220), "green": (40, 200, 40), "red": (220, 40, 40)}
    y = np.array(list(colours))[np.arange(n) % 3]
    noise = rng.integers(-40, 40, (n, 20, 20, 3))
    return [np.clip(np.array(colours[name]) + own, 0, 255).astype(np.uint8) for name, own in zip(y.tolist(), noise)], y
