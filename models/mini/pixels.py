"""The decoded images as the tower takes them, augmented for training or plain for measuring."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from prepare import SOURCES
from safetensors.torch import load_file
from splits import Classes
from torch import Tensor

from zorse.encoders.mini.towers import ImageTower

MEAN = (0.48, 0.45, 0.40)
STD = (0.27, 0.26, 0.28)


@dataclass
class Data:
    """Images (n, 64, 64, 3) uint8 of all sources; class number, teacher's features (n, 1024), train or not."""

    images: np.ndarray
    labels: np.ndarray
    teacher: np.ndarray
    train: np.ndarray

    @classmethod
    def read(cls, cache: Path, classes: Classes) -> Data:
        parts = []
        for source in SOURCES:
            meta = np.load(cache / f"{source}-meta.npz")
            images = np.load(cache / f"{source}-images.npy", mmap_mode="r")
            parts.append((images, classes.of(source)[meta["labels"]], meta["teacher"], meta["train"]))
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def pixels(images: Tensor) -> Tensor:
    """uint8 (n, h, w, 3) to normalised float32 (n, 3, h, w)."""
    x = images.permute(0, 3, 1, 2).float().div_(255)
    return (x - x.new_tensor(MEAN)[:, None, None]) / x.new_tensor(STD)[:, None, None]


def augment(images: Tensor, size: int, crop: float) -> Tensor:
    """A random resized crop, mirrored half the time, with jittered colours: uint8 to (n, 3, size, size)."""
    n, device = len(images), images.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(n, *shape, device=device) * (high - low) + low

    area, aspect = uniform(crop, 1.0), torch.exp(uniform(-0.3, 0.3))
    width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0] = width * torch.where(torch.rand(n, device=device) < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = height
    theta[:, 0, 2] = uniform(-1, 1) * (1 - width)
    theta[:, 1, 2] = uniform(-1, 1) * (1 - height)
    x = images.permute(0, 3, 1, 2).float().div_(255)
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    grey = x.mean(1, keepdim=True)
    colour = torch.where(torch.rand(n, 1, 1, 1, device=device) < 0.05, 0.0, uniform(0.6, 1.4, 1, 1, 1))
    x = grey + (x - grey) * colour
    x = (x - 0.45) * uniform(0.7, 1.3, 1, 1, 1) + 0.45 + uniform(-0.15, 0.15, 1, 1, 1)
    x = (x.clamp(0, 1) - x.new_tensor(MEAN)[:, None, None]) / x.new_tensor(STD)[:, None, None]
    return x.contiguous(memory_format=torch.channels_last)


def read_tower(path: Path | dict[str, Tensor], shape: dict) -> ImageTower:
    """The tower of an averaged student, in evaluation mode."""
    state = path if isinstance(path, dict) else load_file(path)
    tower = ImageTower(**shape, norm=True)
    tower.load_state_dict({k.removeprefix("tower."): v for k, v in state.items() if k.startswith("tower.")})
    return tower.eval().to(memory_format=torch.channels_last)


def features_of(tower: ImageTower, images: np.ndarray, batch: int = 500) -> np.ndarray:
    """Averaged last maps (n, features) float32 of uint8 images."""

    @torch.inference_mode()
    def some(start: int) -> Tensor:
        x = pixels(torch.from_numpy(images[start : start + batch])).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            return tower.map(x).float().mean((2, 3))

    with ThreadPoolExecutor(2) as pool:
        return torch.cat(list(pool.map(some, range(0, len(images), batch)))).numpy()
