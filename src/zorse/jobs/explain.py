"""Where a method looked in images, and a page that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.errors import CapabilityError, InputError
from zorse.core.image import ImageError, open_image
from zorse.data.image_ref import ImageRef
from zorse.data.images import find_images
from zorse.jobs.classification import Prediction, Summary

if TYPE_CHECKING:
    from PIL.Image import Image

NOTE = "The brighter and warmer, the more a patch of the image counts for the label."
_BLOCK = 32
_WARM = np.array([255.0, 140.0, 0.0])


@dataclass(frozen=True)
class Explained:
    """An image, what it was called, and where the method looked.

    Attributes
    ----------
    prediction : Prediction
        For a tagger, a score is the sigmoid of how far the tag's score is above the threshold.
    label : str or None
        What the map is of; None if the image could not be read.
    shares : ndarray of shape (gh, gw), or None
        Each patch's share of the attention, from 0 to 1, which sum to 1.
    """

    prediction: Prediction
    label: str | None
    shares: np.ndarray | None


def explain(
    images: Any,
    method: Any,
    model: Any = "mini",
    *,
    label: str | None = None,
    top_k: int = 5,
    report: str | Path | None = None,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
) -> list[Explained]:
    """Name images by a fitted method that takes patches, and tell where it looked.

    Parameters
    ----------
    images : path, bytes, PIL image, array, or a list of these
        Whatever :func:`zorse.data.find_images` takes.
    method : ZeroShotClassifier or ZeroShotTagger, or folder of a saved one
        Fitted on the patches of ``model``, with the verb ``explain``.
    model : str or PatchEncoder
        What ``load_encoder`` accepts, or a loaded encoder.
    label : str, optional
        Explain this label for every image; by default the one that each is called.
    top_k : int
        How many labels a prediction lists.
    report : path, optional
        Write a page that draws each map over its image.
    device : str
        Where a model given by name runs.
    progress : callable, optional
        Called with the number of images finished.

    Raises
    ------
    CapabilityError
        If the method has no maps to show, or the model gives no patches.
    InputError
        If the label is no candidate, or patches have another length than the method was fitted on.
    """
    method = _loaded(method)
    name = type(method).__name__
    if method.traits.takes != "patches" or not hasattr(method, "explain"):
        raise CapabilityError(f"{name} does not look at patches, so it has no maps to show")
    labels = [str(candidate) for candidate in method.classes_]
    if label is not None and label not in labels:
        raise InputError(f"label {label!r} is not among the candidates: {', '.join(labels[:8])}")
    if isinstance(model, (str, Path)):
        from zorse.encoders import load_encoder

        model = load_encoder(str(model), device=device)
    if not hasattr(model, "encode_patches"):
        raise CapabilityError(f"model {getattr(model, 'name', model)!r} gives no patches")
    summary = Summary(tuple(labels), getattr(model, "name", type(model).__name__), name, independent=_tags(method))
    page = None
    if report is not None:
        from zorse.jobs.output import check_writable
        from zorse.jobs.report import Report

        check_writable(Path(report), (".html", ".htm"))
        page = Report("Where the method looked", NOTE)
    told: list[Explained] = []
    refs = iter(find_images(images))
    while block := list(islice(refs, _BLOCK)):
        for ref, row in zip(block, _block(block, method, model, labels, label, top_k), strict=True):
            told.append(row)
            summary.add(row.prediction)
            if page is not None:
                page.add(row.prediction, partial(_drawn, ref, row.shares, model))
        if progress is not None:
            progress(len(told))
    if page is not None and report is not None:
        page.write(report, summary)
    return told


def draw(image: Image, shares: np.ndarray) -> Image:
    """The image, dark where a method did not look and warm where it looked most; shares (gh, gw) cover all of it."""
    from PIL import Image as pillow

    strength = pillow.fromarray((shares / max(shares.max(), 1e-12)).astype(np.float32))
    weight = np.asarray(strength.resize(image.size, pillow.Resampling.BICUBIC)).clip(0, 1)[:, :, None]
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    blend = pixels * (0.35 + 0.65 * weight) * (1 - 0.25 * weight) + 0.25 * weight * _WARM
    return pillow.fromarray(blend.clip(0, 255).astype(np.uint8))


def seen_part(image: Image, preprocess: Any) -> Image:
    """The part of an image that an encoder looks at: all of it, or the centre that its preprocessing keeps."""
    crop, size = getattr(preprocess, "crop", None), getattr(preprocess, "size", None)
    if crop is None:
        return image
    width, height = image.size
    if isinstance(size, int):
        scales = (min(width, height) / size,) * 2
    elif size is not None:
        scales = (height / size[0], width / size[1])
    else:
        scales = (1.0, 1.0)
    kept = min(crop[1] * scales[1], width), min(crop[0] * scales[0], height)
    left, top = (width - kept[0]) / 2, (height - kept[1]) / 2
    return image.crop((round(left), round(top), round(left + kept[0]), round(top + kept[1])))


def _loaded(method: Any) -> Any:
    if isinstance(method, (str, Path)):
        from zorse.core import load

        return load(method)
    return method


def _tags(method: Any) -> bool:
    from zorse.core import ZeroShotTagger

    return isinstance(method, ZeroShotTagger)


def _block(
    refs: Sequence[ImageRef], method: Any, model: Any, labels: list[str], label: str | None, top_k: int
) -> Iterable[Explained]:
    images: list[Image] = []
    errors: list[str | None] = []
    for ref in refs:
        try:
            images.append(open_image(ref.read(), min_size=getattr(model, "image_size", None)))
            errors.append(None)
        except ImageError as error:
            errors.append(error.reason)
    if images:
        grids = model.encode_patches(images)
        p = _probabilities(method, grids)
        best = np.argsort(-p, axis=1, kind="stable")[:, :top_k]
        rows = best[:, 0] if label is None else np.full(len(images), labels.index(label))
        maps = method.explain(grids, method.classes_[rows])
    at = 0
    for ref, reason in zip(refs, errors, strict=True):
        if reason is not None:
            yield Explained(Prediction(ref.key, None, None, (), reason), None, None)
            continue
        top = tuple((labels[i], float(p[at, i])) for i in best[at])
        yield Explained(Prediction(ref.key, top[0][0], top[0][1], top), labels[rows[at]], maps[at])
        at += 1


def _probabilities(method: Any, grids: np.ndarray) -> np.ndarray:
    if not _tags(method):
        return method.predict_proba(grids)
    from scipy.special import expit

    return expit(method.scores(grids) - method.threshold_)


def _drawn(ref: ImageRef, shares: np.ndarray | None, model: Any) -> Image:
    from zorse.jobs.report import SIDE

    image = seen_part(open_image(ref.read(), min_size=(SIDE, SIDE)), getattr(model, "preprocess", None))
    image = image.copy()
    image.thumbnail((SIDE, SIDE))
    return image if shares is None else draw(image, shares)
