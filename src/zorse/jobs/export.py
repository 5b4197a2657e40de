"""A model as a folder that runs without torch, and how well the two agree."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.errors import CapabilityError, InputError
from zorse.core.files import atomic_path
from zorse.core.image import ImageError, open_image
from zorse.encoders.exported import FORMAT, RECORD
from zorse.jobs.folder import atomic_folder, check_folder

if TYPE_CHECKING:
    from zorse.data.image_ref import ImageRef

PRECISIONS = ("fp32", "int8")
LARGEST = 1e-4  # difference between a number of an fp32 vector and the model's own
COSINE, SAME = 0.99, 0.98  # of int8 vectors with the model's own, on average; and answers that stay
_LEARNED = 128  # images that ranges of activations are learned from
_BATCH = 16


@dataclass(frozen=True)
class Agreement:
    """How an exported model answers beside the model it was made from.

    Attributes
    ----------
    images : int
    labels : int
        Names that were told apart; 0 where the model reads no texts.
    largest, largest_text : float
        Largest difference between numbers of two vectors.
    cosine, cosine_worst, cosine_text : float
        Of two vectors of one image, on average and at worst; of two vectors of one prompt, on average.
    same : float
        Share of images whose likeliest label is the same; 1 where the model reads no texts.
    """

    images: int
    labels: int
    largest: float
    largest_text: float
    cosine: float
    cosine_worst: float
    cosine_text: float
    same: float

    def misses(self, precision: str) -> list[str]:
        """What falls short of what the precision promises, in words."""
        if precision == "fp32":
            worst = max(self.largest, self.largest_text)
            return [f"a number of a vector is off by {worst:.1e} ({LARGEST:g} is the limit)"] if worst > LARGEST else []
        found = []
        if min(self.cosine, self.cosine_text) < COSINE:
            found.append(f"cosine {self.cosine:.4f} of images, {self.cosine_text:.4f} of texts ({COSINE} is asked)")
        if self.same < SAME:
            found.append(f"the same answer for {self.same:.1%} of {self.images:,} images ({SAME:.0%} is asked)")
        return found


def export(
    model: Any,
    out: str | os.PathLike,
    *,
    precision: str = "fp32",
    labels: Any = None,
    templates: Any = None,
    check: Any = None,
    accept_loss: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Write a model as ONNX graphs with tokenizer and preprocessing; ``load_encoder(out)`` runs it without torch.

    Parameters
    ----------
    model : str or encoder
        ``"mini"``, a hub id or a folder that transformers reads.
    out : path
        Folder; new, empty, or an earlier export, which is replaced once the new one is whole.
    precision : {"fp32", "int8"}
        int8 keeps weights of matrix products and convolutions in eight bits.
    labels : sequence of str, or dict of str to list of str, optional
        Also write ``classifier.onnx``: pixels in, scores and probabilities of these labels out; a dict gives the
        prompts of each.
    templates : str, path or sequence of str, optional
        Of the labels' prompts.
    check : str, path or list of these, optional
        Photographs on which the export is compared with the model; without them, those that come with scikit-learn and
        scikit-image. Of the first 256, every other one teaches int8 convolutions the range of their numbers; it is then
        not compared.
    accept_loss : bool
        Keep an export that agrees less than its precision promises.
    progress : callable, optional
        Told in words what is being done.

    Returns
    -------
    dict
        What stands in ``export.json``.

    Raises
    ------
    CapabilityError
        If the model can't be exported, or the export falls short and ``accept_loss`` is not given.
    """
    from zorse.encoders import load_encoder

    say = progress or (lambda _: None)
    if precision not in PRECISIONS:
        raise InputError(f"precision is {' or '.join(PRECISIONS)}; got {precision!r}")
    out = Path(out).expanduser()
    check_folder(out, "an exported model", (out / RECORD).is_file())
    pictures = _Pictures(check)
    if not hasattr(model, "encode_pixels"):
        say(f"loading {model} ...")
        model = load_encoder(str(model), device="cpu")
    with atomic_folder(out) as scratch:
        record = _write(model, scratch, precision, pictures, say)
        say("comparing with the model ...")
        agreement = _compare(model, scratch, pictures, labels, templates)
        misses = agreement.misses(precision)
        if misses and not accept_loss:
            raise CapabilityError(
                f"{model.name} as {precision} loses too much: {'; '.join(misses)}; nothing was written "
                "(--accept-loss keeps it all the same)"
            )
        record |= {"agreement": vars(agreement), "misses": misses}
        if labels is not None:
            record["labels"] = _write_classifier(scratch, labels, templates)
            record["files"] += [path.name for path in sorted(scratch.glob("classifier.onnx*"))]
        _write_record(scratch, record)
    return record


def _write(model: Any, folder: Path, precision: str, pictures: _Pictures, say: Callable) -> dict[str, Any]:
    from zorse.encoders.export import write_images, write_texts

    say("writing the image tower ...")
    preprocessing = write_images(model, folder)
    text = None
    if reads := hasattr(model, "logit_scale"):
        say("writing the text tower ...")
        text = write_texts(model, folder).as_dict()
    how = {}
    if precision == "int8":
        from zorse.encoders.quantise import quantise

        say("turning weights into eight bits ...")
        learned = [model.preprocess(image).numpy() for image in pictures.to_learn(model.image_size)]
        how["image"] = quantise(folder / "image.onnx", learned)
        if reads:
            how["text"] = quantise(folder / "text.onnx")
    record = {
        "format": FORMAT,
        "model": model.name,
        "fingerprint": model.fingerprint,
        "precision": precision,
        "quantised": how,
        "dim": model.dim,
        "preprocessing": preprocessing,
        "logit_scale": getattr(model, "logit_scale", None),
        "logit_bias": getattr(model, "logit_bias", None),
        "text": text,
        "labels": None,
        "files": sorted(path.name for path in folder.iterdir()),
    }
    _write_record(folder, record)
    return record


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    with atomic_path(folder / RECORD) as path:
        path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _compare(model: Any, folder: Path, pictures: _Pictures, labels: Any, templates: Any) -> Agreement:
    """Images and prompts through both; nothing is kept but sums."""
    from zorse.encoders.exported import load

    exported = load(folder, device="cpu")
    texts: list[np.ndarray] = []
    largest_text, cosine_text = 0.0, 1.0
    if exported.record["text"]:
        names, told = _named(labels if labels is not None else pictures.labels())
        texts = [_table(encoder, names, templates, told).vectors for encoder in (model, exported)]
        largest_text = float(np.abs(texts[0] - texts[1]).max())
        cosine_text = float((texts[0] * texts[1]).sum(axis=1).mean())
    n, same, total, worst, largest = 0, 0, 0.0, 1.0, 0.0
    images = pictures.to_compare(model.image_size, learned=exported.record["quantised"].get("image") == "static")
    while batch := list(islice(images, _BATCH)):
        pixels = np.stack([exported.preprocess(image) for image in batch])
        ours, theirs = exported.encode_pixels(pixels), _model_vectors(model, pixels)
        cosine = (ours * theirs).sum(axis=1)
        n, total, worst = n + len(batch), total + float(cosine.sum()), min(worst, float(cosine.min()))
        largest = max(largest, float(np.abs(ours - theirs).max()))
        if texts:
            answers = [(v @ t.T).argmax(axis=1) for v, t in ((theirs, texts[0]), (ours, texts[1]))]
            same += int((answers[0] == answers[1]).sum())
    if not n:
        raise InputError("none of the images to compare with could be read")
    count = len(texts[0]) if texts else 0
    return Agreement(n, count, largest, largest_text, total / n, worst, cosine_text, same / n if texts else 1.0)


def _model_vectors(model: Any, pixels: np.ndarray) -> np.ndarray:
    import torch

    return model.encode_pixels(torch.from_numpy(pixels))


def _write_classifier(folder: Path, labels: Any, templates: Any) -> list[str]:
    from zorse.encoders.export import write_classifier
    from zorse.encoders.exported import Exported, load

    exported = load(folder, device="cpu")
    if not isinstance(exported, Exported):
        raise CapabilityError(f"{exported.record['model']} has no text tower, so it cannot read labels")
    names, told = _named(labels)
    vectors = _table(exported, names, templates, told).vectors
    write_classifier(folder, vectors, exported.logit_scale, exported.logit_bias, names)
    return list(names)


def _table(encoder: Any, names: Sequence[str], templates: Any, told: Any) -> Any:
    from zorse.semantics.prompts import class_table

    return class_table(names, encoder, templates=templates, descriptions=told)


def _named(labels: Any) -> tuple[list[str], Any]:
    """Names, and their prompts where a dict gives them."""
    from zorse.semantics.labels import check_labels

    return check_labels(list(labels)), labels if isinstance(labels, dict) else None


class _Pictures:
    """Photographs to compare on and to learn ranges from, the user's or those of scikit-learn and scikit-image."""

    def __init__(self, check: Any):
        from zorse.data.images import find_images
        from zorse.jobs.demo import photographs

        self._own = check is not None
        self._source = find_images(check if self._own else list(photographs()))
        next(iter(self._source))  # a folder without images is found before a model is loaded

    def labels(self) -> list[str]:
        """What the images are told to show, else common things."""
        from zorse.jobs.demo import LABELS
        from zorse.semantics.descriptions import spoken

        hints = {spoken(ref.label_hint) for ref in self._source if ref.label_hint} if self._own else set()
        return sorted(hints) if len(hints) > 1 else list(LABELS)

    def to_learn(self, size: tuple[int, int]) -> list[Any]:
        """At most 128: every other one of the user's, or the quarters of the others."""
        if self._own:
            refs = (ref for i, ref in enumerate(islice(self._source, 2 * _LEARNED)) if _learned(i))
            return list(_opened(refs, size))
        quarters = []
        for image in _opened(iter(self._source), size):
            w, h = image.width // 2, image.height // 2
            quarters += [image.crop((x, y, x + w, y + h)) for x in (0, w) for y in (0, h)]
        return quarters

    def to_compare(self, size: tuple[int, int], learned: bool) -> Iterator[Any]:
        """All of them; without those that were learned from, if any were."""
        skip = learned and self._own
        return _opened((ref for i, ref in enumerate(self._source) if not (skip and _learned(i))), size)


def _learned(position: int) -> bool:
    return position < 2 * _LEARNED and position % 2 == 0


def _opened(refs: Iterator[ImageRef], size: tuple[int, int]) -> Iterator[Any]:
    for ref in refs:
        try:
            yield open_image(ref.read(), min_size=size)
        except ImageError:
            continue  # what can't be read is no ground to judge by
