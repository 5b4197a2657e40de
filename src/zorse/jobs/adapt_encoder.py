"""Train the encoder itself on your pictures: what a trainer needs, made from folders, tables and names."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import CapabilityError, InputError
from zorse.core.files import atomic_path

if TYPE_CHECKING:
    from zorse.data.image_ref import ImageRef
    from zorse.jobs.adapt_data import Seen
    from zorse.templates import EncoderTrainer

PART = 64  # images in memory at a time where the gradient does not depend on it


@dataclass(frozen=True, eq=False)
class Texts:
    """How classes are put into words: labels, templates and descriptions, as :func:`zorse.semantics.class_table`."""

    names: list[str]
    templates: Any
    descriptions: Any

    def table(self, encoder: Any) -> ClassTable:
        """All classes, by their texts."""
        from zorse.semantics import class_table

        return class_table(self.names, encoder, templates=self.templates, descriptions=self.descriptions)

    def prompts(self) -> dict[str, list[str]]:
        """The texts by label."""
        from zorse.semantics import class_prompts

        return dict(zip(self.names, class_prompts(self.names, self.templates, self.descriptions), strict=True))


def is_trainer(cls: Any) -> bool:
    """Whether a method moves an encoder's weights."""
    from zorse.templates import EncoderTrainer

    return isinstance(cls, type) and issubclass(cls, EncoderTrainer)


def make_trainer(cls: Any, parameters: dict[str, Any], encoder: Any, texts: Texts, seed: int, device: str) -> Any:
    """A trainer of ``encoder`` with these parameters.

    Raises
    ------
    InputError
        If a parameter is set that the command sets.
    CapabilityError
        If the encoder can't be trained.
    """
    from zorse.templates import HeadTrainer

    for name in ("encoder", "device", "random_state"):
        if name in parameters:
            option = {"encoder": "--model", "device": "--device", "random_state": "--seed"}[name]
            raise InputError(f"{cls.__name__}: {name} is what {option} says")
    given: dict[str, Any] = {"encoder": encoder, "device": device, "random_state": seed}
    known = cls().get_params()
    if issubclass(cls, HeadTrainer) and "parts" in known:  # its loss is a sum over images
        given["parts"] = max(1, -(-parameters.get("batch_size", known["batch_size"]) // PART))
    if texts.templates is not None and "templates" in known:
        from zorse.semantics import check_templates

        given["templates"] = [template.replace("{c}", "{}") for template in check_templates(texts.templates)]
    trainer = cls(**given | parameters)
    trainer.check(encoder)
    return trainer


def learn_labelled(
    trainer: EncoderTrainer, known: Seen, learned: np.ndarray, more: Seen | None, captions: Mapping, texts: Texts
) -> EncoderFit:
    """The fit on labelled images; those of ``more`` have no caption.

    A caption is the table's, or else a prompt of the image's class.
    """
    from zorse.semantics import spoken

    refs, digests, y = [known.refs[i] for i in learned], [known.digests[i] for i in learned], known.y[learned]
    given: dict[str, Any] = {}
    if "y" in trainer.needs:
        given["y"] = np.array([spoken(label) for label in y.tolist()])
    if "texts" in trainer.needs:
        prompts = texts.prompts()
        own = (captions.get(ref.key) or prompts[label] for ref, label in zip(refs, y.tolist(), strict=True))
        told: list[list[str]] = [list(few) for few in own]
        if more is not None:
            labelled = set(known.digests)
            fresh = [i for i, digest in enumerate(more.digests) if digest not in labelled]
            refs, told = refs + [more.refs[i] for i in fresh], told + [[] for _ in fresh]
            digests = digests + [more.digests[i] for i in fresh]
        given["texts"] = told
    return EncoderFit(trainer, refs, digests, given)


def learn_unlabelled(trainer: EncoderTrainer, pictures: Seen, texts: Texts) -> EncoderFit:
    """The fit on images without labels, and the names of classes."""
    from zorse.semantics import spoken

    names = [spoken(name) for name in texts.names]
    return EncoderFit(trainer, pictures.refs, pictures.digests, {"texts": names})


@dataclass(frozen=True, eq=False)
class EncoderFit:
    """One training, ready to run: images, their digests, and labels or texts."""

    trainer: Any
    refs: list[ImageRef]
    digests: list[str]
    given: dict[str, Any]

    def asked(self) -> dict[str, Any]:
        """What the result depends on."""
        parameters = {k: repr(v) for k, v in sorted(self.trainer.get_params(deep=False).items())}
        encoder = self.trainer.encoder
        parameters |= {"encoder": f"{encoder.fingerprint} {encoder.text_fingerprint}", "device": ""}
        told = json.dumps([self.digests, {k: list(map(str, v)) for k, v in self.given.items()}])
        data = hashlib.sha256(told.encode()).hexdigest()
        return {"method": type(self.trainer).__name__, "parameters": parameters, "data": data}

    def run(self, checkpoint: Path | None, say: Callable[[str], None]) -> None:
        """Fit; goes on from what ``checkpoint`` holds if that is of the same fit, and removes it otherwise."""
        from zorse.training.run import current_run, running

        if checkpoint is None:
            self.trainer.fit(self.refs, **self.given)
            return
        asked, path = self.asked(), checkpoint / "fit.json"
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            found = None
        if found == asked:
            say("going on from where an earlier run stopped ...")
        else:
            shutil.rmtree(checkpoint, ignore_errors=True)
        now = current_run()
        with running(progress=now.progress, checkpoint=checkpoint, amp=now.amp, compile=now.compile):
            with atomic_path(path) as scratch:
                scratch.write_text(json.dumps(asked))
            try:
                self.trainer.fit(self.refs, **self.given)
            except FloatingPointError:  # going on would end there again
                shutil.rmtree(checkpoint, ignore_errors=True)
                raise


def table_of(trainer: Any, texts: Texts) -> ClassTable:
    """Classes as the trained encoder is best asked about them: learned vectors, and texts where there are none."""
    from zorse.semantics import spoken

    table = texts.table(trainer.encoder_)
    own = trainer.table_
    if own is None:
        return table
    at = {str(label): i for i, label in enumerate(own.labels)}
    rows = [
        own.vectors[at[spoken(name)]] if spoken(name) in at else table.vectors[i] for i, name in enumerate(texts.names)
    ]
    return ClassTable(table.labels, np.stack(rows))


def encoded(trainer: Any, refs: Sequence[ImageRef], batch_size: int) -> np.ndarray:
    """Vectors of images by the trained encoder."""
    vectors = trainer.encoder_.encode_images((ref.read() for ref in refs), batch_size=batch_size)
    return np.asarray(vectors, dtype=float)


def check_needs(cls: Any, labelled: bool) -> None:
    """Refuse a trainer whose labels or captions are not given.

    Raises
    ------
    CapabilityError
        It says what is needed and how to give it.
    """
    if labelled or "names" in cls.needs:
        return
    what = "labelled images" if "y" in cls.needs else "images with captions (a label makes one)"
    raise CapabilityError(
        f"{cls.__name__} learns from {what}, and none are given; give --labelled folder, or a .csv with the columns "
        "path, label and, where there are such, caption"
    )
