"""Any image a person has, as upright 8-bit RGB."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from zorse.core.errors import InputError

# Listed, because a suffix promises nothing and Pillow runs Ghostscript on an EPS.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "MPO", "JPEG2000", "AVIF", "HEIF", "ICO")
# EXIF orientation 2 to 8 -> the transposition that undoes it; 5 to 8 swap width and height.
_UPRIGHT = dict(zip(range(2, 9), map(Image.Transpose, (0, 3, 1, 5, 4, 6, 2))))
_MAX_BYTES = 1 << 30  # no photograph is larger; a disk image given by mistake is
_loading = threading.Lock()


class ImageError(InputError):
    """An image cannot be opened; ``reason`` says why in a few words, the message also names the file."""

    def __init__(self, reason: str, source: object = None):
        super().__init__(reason if source is None else f"{source}: {reason}")
        self.reason = reason


def open_image(source: Any, *, min_size: tuple[int, int] | None = None) -> Image.Image:
    """Open an image as upright RGB, 8 bits a channel.

    EXIF orientation is applied, transparency goes over white, 16-bit grey is scaled (not clipped), and of an animation
    the first frame is taken. 32-bit integers and floats are read as lying in [0, 1] (floats), [0, 255] or [0, 65535],
    the first that holds them all, else stretched. Colour profiles are not applied.

    Parameters
    ----------
    source : path, bytes, PIL.Image.Image or ndarray
        An array is uint8, or floats in [0, 1], of shape (h, w), (h, w, 3) or (h, w, 4).
    min_size : (int, int), optional
        Height and width the image is going to be resized to. A JPEG at least four times as large on both sides is then
        decoded at 1/2, 1/4 or 1/8, never below twice this size. After the resize (bicubic, antialiased) photographs
        differ from the full decoding by 1 to 2 of 255 levels on average over the image, at worst (fine stripes) by 5.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB"; the image given, if it is that already.

    Raises
    ------
    ImageError
        If it is missing, empty, truncated, not an image, an array of another kind, or has more pixels than
        ``PIL.Image.MAX_IMAGE_PIXELS``.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    name = source if isinstance(source, (str, os.PathLike)) else None
    try:
        if isinstance(source, (str, os.PathLike)):
            return _decode(read_bytes(source), min_size)
        if isinstance(source, (bytes, bytearray, memoryview)):
            return _decode(source, min_size)
        if isinstance(source, Image.Image):
            with _loading:  # opened lazily, and the same object may be read by two threads
                source.load()
            return _to_rgb(source)
    except ImageError as error:
        raise ImageError(error.reason, name) from error.__cause__
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("too many pixels (decompression bomb)", name) from error
    except UnidentifiedImageError as error:
        raise ImageError("not an image", name) from error
    except Exception as error:  # decoders raise whatever they stumble over
        cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
        raise ImageError("truncated" if cut else f"broken image ({error})", name) from error
    hint = "; pass x.permute(1, 2, 0).numpy()" if hasattr(source, "detach") else ""
    raise ImageError(f"expected a path, bytes, a PIL image or an array, got {type(source).__name__}{hint}")


def read_bytes(path: str | os.PathLike) -> bytes:
    """The content of an image file; an ImageError says why it cannot be had."""
    path = Path(path)
    try:
        if not path.is_file() and path.exists():
            raise ImageError("not a file", path)
        if path.stat().st_size > _MAX_BYTES:
            raise ImageError("larger than 1 GiB", path)
        return path.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else (error.strerror or str(error)).lower()
        raise ImageError(reason, path) from error


def _decode(content: bytes | bytearray | memoryview, min_size: tuple[int, int] | None) -> Image.Image:
    if not len(content):
        raise ImageError("empty file")
    Image.init()
    image = Image.open(io.BytesIO(content), formats=[f for f in _FORMATS if f in Image.OPEN])
    limit = Image.MAX_IMAGE_PIXELS
    if limit and image.width * image.height > limit:  # between one and two limits Pillow only warns
        raise Image.DecompressionBombError
    if min_size and image.format in ("JPEG", "MPO"):
        h, w = min_size if _orientation(image) < 5 else min_size[::-1]
        image.draft(None, (2 * w, 2 * h))
    image.load()
    return _to_rgb(image)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block does not damage the picture
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if (turn := _UPRIGHT.get(_orientation(image))) is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_grey(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB") if image.mode != "RGB" else image


def _to_grey(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    tops = (65535.0,) if image.mode.startswith("I;16") else (1.0,) * (image.mode == "F") + (255.0, 65535.0)
    top = next((top for top in tops if high <= top), None) if low >= 0 else None
    low, high = (low, high) if top is None else (0.0, top)
    return Image.fromarray(np.rint((values - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8))


def _from_array(values: np.ndarray) -> Image.Image:
    shape, floating = values.shape, np.issubdtype(values.dtype, np.floating)
    if not (values.dtype == np.uint8 or floating) or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))):
        hint = "; move the channels last" if len(shape) == 3 and shape[0] in (1, 3, 4) else ""
        raise ImageError(f"expected uint8 or floats in [0, 1], (h, w[, 3 or 4]); got {values.dtype} {shape}{hint}")
    if not values.size:
        raise ImageError(f"an empty array {shape}")
    if floating:
        if not (values.min() >= 0 and values.max() <= 1):  # written so that NaN is refused too
            raise ImageError(f"expected floats in [0, 1], got {values.min():.4g} to {values.max():.4g}")
        values = np.rint(values * 255.0).astype(np.uint8)
    return _to_rgb(Image.fromarray(np.ascontiguousarray(values)))
