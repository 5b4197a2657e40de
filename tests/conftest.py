"""Shared by every test: one torch thread, no hub, and the data pack where it lies beside the checkout."""

import os
import shutil
from pathlib import Path
from typing import ClassVar

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest
import torch

torch.set_num_threads(1)  # many tiny models: threads cost ten times more than they bring

PACK = Path(os.environ.get("ZORSE_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data pack; a test that asks for it is marked ``shared_data`` and skips where it is absent."""
    if not (PACK / "README.md").exists():
        pytest.skip(f"the data pack is not at {PACK} (set ZORSE_DATA to its folder)")
    return PACK


@pytest.fixture
def source_tree(tmp_path) -> Path:
    """A copy of the sources without weights, to plant mistakes in."""
    root = Path(__file__).parents[1]
    shutil.copytree(root / "src", tmp_path / "src", ignore=shutil.ignore_patterns("weights", "__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


class ColourEncoder:
    """A dual encoder whose space is colour: an image is its mean colour, a text the colour that it names."""

    name, dim, image_size = "colours", 3, (8, 8)
    fingerprint, text_fingerprint = "colours-image", "colours-text"
    logit_scale, logit_bias = 20.0, None
    WORDS: ClassVar = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0), "cyan": (0, 1, 1)}

    def __init__(self):
        self.encoded = 0

    def preprocess(self, image):
        return torch.from_numpy(np.asarray(image.resize(self.image_size), dtype=np.float32) / 255).permute(2, 0, 1)

    def encode_pixels(self, pixels):
        self.encoded += len(pixels)
        means = pixels.mean(dim=(2, 3)).numpy() + 1e-6
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    def encode_images(self, images, *, batch_size=32):
        return self.encode_pixels(torch.stack([self.preprocess(image) for image in images]))

    def encode_text(self, texts, *, batch_size=64):
        named = [np.sum([c for word, c in self.WORDS.items() if word in text.lower()], axis=0) for text in texts]
        rows = np.array([np.broadcast_to(row, 3) + 0.1 for row in named], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def colours() -> ColourEncoder:
    """A dual encoder that is small enough to follow by hand."""
    return ColourEncoder()


@pytest.fixture
def paint(tmp_path):
    """Write an image of one colour: ``paint("red/one.png", "red")`` gives its path."""
    from PIL import Image

    def write(name: str, colour: str, size: tuple[int, int] = (16, 16)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return path

    return write
