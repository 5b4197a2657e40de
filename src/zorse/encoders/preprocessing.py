"""An image becomes the pixels a checkpoint was trained on, with Pillow and numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow

from zorse.core.errors import CapabilityError, NotAvailableError

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image


@dataclass(frozen=True)
class Preprocessing:
    """Resize, crop the centre, then ``pixel * scale + shift`` by channel.

    Rescaling to [0, 1] and any number of normalisations are one affine map, so they are folded into two numbers a
    channel. It holds no state and releases the interpreter lock while it resizes: threads may share it.

    Parameters
    ----------
    size : tuple of int, or int, or None
        Height and width to resize to; one number is the shorter edge, the longer follows (rounded down).
    crop : tuple of int, or None
        Height and width of the centre that is kept; an image that is smaller is padded with black.
    resample : int
        Pillow's filter.
    scale, shift : tuple of float, three each
    """

    size: tuple[int, int] | int | None
    crop: tuple[int, int] | None
    resample: int
    scale: tuple[float, ...]
    shift: tuple[float, ...]

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the result."""
        kept = self.crop or self.size
        if not isinstance(kept, tuple):
            raise CapabilityError("this preprocessing gives images of different sizes, which cannot form a batch")
        return kept

    def __call__(self, image: Image) -> torch.Tensor:
        """One RGB image -> float32 pixels (3, h, w)."""
        import torch

        return torch.from_numpy(self.array(image))

    def array(self, image: Image) -> np.ndarray:
        """The same as an array, without torch."""
        width, height = image.size
        if isinstance(self.size, int):
            short = self.size
            longer = int(short * max(width, height) / min(width, height))
            to = (short, longer) if width <= height else (longer, short)
            image = image.resize(to, resample=Pillow.Resampling(self.resample))
        elif self.size is not None:
            image = image.resize(self.size[::-1], resample=Pillow.Resampling(self.resample))
        if self.crop is not None:
            left, top = (image.width - self.crop[1]) // 2, (image.height - self.crop[0]) // 2
            image = image.crop((left, top, left + self.crop[1], top + self.crop[0]))
        raw = np.asarray(image)
        pixels = np.empty((3, *raw.shape[:2]), np.float32)
        # numpy, not torch: these threads must not compete with the model for torch's own.
        for channel in range(3):
            np.multiply(raw[..., channel], np.float32(self.scale[channel]), out=pixels[channel])
            pixels[channel] += np.float32(self.shift[channel])
        return pixels


class _Borrowed:
    """The Pillow-backed processor of transformers itself, for a checkpoint whose steps are not the usual ones."""

    def __init__(self, processor: Any):
        self.processor = processor
        sizes = {tuple(self(Pillow.new("RGB", size)).shape) for size in ((97, 61), (60, 83))}
        if len(sizes) > 1 or len(next(iter(sizes))) != 3:
            raise CapabilityError(
                f"{type(processor).__name__} gives images of different sizes, which cannot form a batch"
            )
        self.image_size = next(iter(sizes))[1:]

    def __call__(self, image: Image) -> torch.Tensor:
        return self.processor(image, return_tensors="pt")["pixel_values"][0].float()

    def __repr__(self) -> str:
        return f"{type(self.processor).__name__}({sorted(self.processor.to_dict().items())})"


def read_preprocessing(folder: Path, name: str) -> Callable[[Image], torch.Tensor]:
    """The preprocessing that a checkpoint's ``preprocessor_config.json`` (or ``processor_config.json``) describes.

    Parameters
    ----------
    folder : Path
        Folder of the checkpoint.
    name : str
        What the user called it, for errors.

    Returns
    -------
    callable with ``image_size``
        A `Preprocessing`, or transformers' own Pillow-backed processor for steps it does not know.

    Raises
    ------
    NotAvailableError
        If there is no such file.
    CapabilityError
        If the result has no fixed size, or the steps need code from the checkpoint.
    """
    from transformers import AutoImageProcessor

    if not any((folder / file).exists() for file in ("preprocessor_config.json", "processor_config.json")):
        raise NotAvailableError(f"{name} has no preprocessor_config.json: its image size and normalisation are unknown")
    try:
        read = AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False, local_files_only=True)
    except (ValueError, OSError, KeyError, ImportError) as error:
        raise CapabilityError(f"the image preprocessing of {name} cannot be read: {_first_line(error)}") from error
    kind = type(read).__name__.removesuffix("Pil").removesuffix("ImageProcessor")
    if kind == "Siglip2":
        raise CapabilityError(
            f"{name} is a NaFlex checkpoint, whose images have no fixed size; "
            "use one with a fixed resolution, such as google/siglip2-base-patch16-224"
        )
    from transformers.image_processing_backends import PilBackend

    plain = type(read)._preprocess is PilBackend._preprocess and type(read).resize is PilBackend.resize
    size, crop = read.size, read.crop_size if read.do_center_crop else None
    usual = not read.do_pad and not (size and (size.longest_edge or size.max_height))
    if not usual or not (plain or kind in ("ConvNext", "EfficientNet")) or not read.do_resize:
        return _Borrowed(read)
    to: tuple[int, int] | int = size.shortest_edge or (size.height, size.width)
    keep = (crop.height, crop.width) if crop else None
    if kind == "ConvNext":
        edge = size.shortest_edge
        to, keep = (int(edge / read.crop_pct), (edge, edge)) if edge < 384 else ((edge, edge), keep)
    scale, shift = np.ones(3), np.zeros(3)
    if read.do_rescale:
        scale = scale * read.rescale_factor
        shift = shift - (1.0 if kind == "EfficientNet" and read.rescale_offset else 0.0)
    mean, std = (np.broadcast_to(np.asarray(x, np.float64), 3) for x in (read.image_mean, read.image_std))
    if read.do_normalize:
        scale, shift = scale / std, (shift - mean) / std
    if kind == "EfficientNet" and read.include_top:
        scale, shift = scale / std, shift / std
    return Preprocessing(to, keep, int(read.resample), tuple(map(float, scale)), tuple(map(float, shift)))


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
