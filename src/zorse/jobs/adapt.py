"""A frozen model and your pictures: fit an adaptation method on their embeddings, and see whether it helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.classifier import ZeroShotClassifier
from zorse.core.errors import CapabilityError, InputError
from zorse.jobs.adapt_data import embedded_images, labelled_images, parted, read_labelled
from zorse.jobs.adapt_encoder import (
    Texts,
    check_needs,
    encoded,
    is_trainer,
    learn_labelled,
    learn_unlabelled,
    make_trainer,
    table_of,
)
from zorse.jobs.adapted import FORMAT
from zorse.jobs.method import read_parameters
from zorse.jobs.sample import read_sample

if TYPE_CHECKING:
    from zorse.encoders.store import EmbeddingStore

LABELLED, UNLABELLED = "gda", "gda_em"  # what is taken where no method is named


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A fitted method and what is known about it.

    Attributes
    ----------
    fitted : ZeroShotClassifier
        The adapted one, or names alone where ``kept_base``.
    encoder : TrainableEncoder or None
        That whose weights a trainer has moved, or its start where ``kept_base``; None where the base is as it was.
    record : dict
        Base model, fingerprints, labels, counts and figures; goes to ``adapted.json``.
    warning : str or None
        How it got worse on held-out images.
    """

    fitted: ZeroShotClassifier
    record: dict[str, Any]
    warning: str | None
    encoder: Any = None


def methods_for(labelled: bool) -> list[str]:
    """Names of the methods that adapt with labels, or without."""
    from zorse import catalogue

    return [name for name, cls in catalogue.all_methods().items() if _kind(cls) == ("labels" if labelled else "none")]


def choose_method(spec: str | None, labelled: bool) -> tuple[Any, dict[str, Any]]:
    """The method of ``"name:key=value,..."``, or the default one, with its parameters.

    Raises
    ------
    CapabilityError
        If it does not apply; it says why, and which do.
    """
    from zorse import catalogue

    name, _, settings = (part.strip() for part in (spec or (LABELLED if labelled else UNLABELLED)).partition(":"))
    cls: Any = catalogue.method(name)
    if is_trainer(cls):
        check_needs(cls, labelled)
        return cls, read_parameters(cls, name, settings)
    kind = _kind(cls)
    told, which = cls.__name__, ", ".join(methods_for(labelled))
    if kind == "labels" and not labelled:
        raise CapabilityError(
            f"{told} learns from labelled images, and none are given; give --labelled, or take a method that needs no "
            f"labels: {which}"
        )
    if kind == "names":
        raise CapabilityError(
            f"{told} learns nothing from pictures, so there is nothing to adapt; zorse classify uses it as it is. "
            f"Methods that adapt here: {which}"
        )
    if kind is None:
        raise CapabilityError(
            f"{told} does not work on stored embeddings of a model with a text tower; methods that adapt here: {which}"
        )
    return cls, read_parameters(cls, name, settings)


def adapt(
    images: Any,
    labels: Sequence[str] | None,
    *,
    method: str | None = None,
    model: str = "mini",
    labelled: str | Path | None = None,
    shots: int | None = None,
    templates: Any = None,
    descriptions: Any = None,
    checkpoint: Path | None = None,
    safe: bool = False,
    seed: int = 0,
    store: EmbeddingStore | None = None,
    batch_size: int = 32,
    jobs: int | None = None,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Adaptation:
    """Fit an adaptation method on embedded images and measure it on labelled ones that it has not seen.

    Parameters
    ----------
    images : path, glob, list, ...
        Pictures without labels, which a method that needs none learns from.
    labels : sequence of str, optional
        Names to choose from; without them the folders of the labelled images.
    method : str, optional
        ``"name:key=value,..."``; without it GDA where there are labels, else GDA's expectation-maximisation.
    model : str
        The base, a model with a text tower, as ``load_encoder`` takes it.
    labelled : path or "folder", optional
        ``"folder"``: each of ``images`` is labelled by its folder. Else a folder of folders named after labels, or a
        ``.csv`` with the columns path and label, and caption for trainers that learn from captions; or a ``.json`` of
        CoOp's layout, of which the entries of train are taken.
    shots : int, optional
        Labelled images a class to learn from, drawn by their content and ``seed``; the others measure. Without it a
        quarter measures, and then all are learned from; a trainer learns from the other three quarters alone.
    templates, descriptions, store, batch_size, jobs, device
        As in :func:`zorse.classify`. They make a trainer's captions where a table has none.
    checkpoint : path, optional
        A folder where a trainer keeps how far it is; the same request goes on from there. The caller removes it.
    safe : bool
        Keep names alone where the method makes held-out images worse.
    progress : callable, optional
        Called with the number of images embedded.
    say : callable, optional
        Told what goes on.

    Raises
    ------
    InputError, CapabilityError
        If the request can't be met; it says why before an image is read, where it can.
    """
    from zorse.encoders import load_encoder
    from zorse.methods.pretraining.clip import CLIP
    from zorse.semantics import check_labels, class_table, read_descriptions, read_templates

    if shots is not None and shots < 1:
        raise InputError(f"shots must be at least 1; got {shots}")
    if shots is not None and labelled is None:
        raise InputError("shots are drawn from labelled images; give --labelled as well")
    cls, parameters = choose_method(method, labelled is not None)
    given = None if labelled is None else read_labelled(labelled, images)
    source = images if given is None else given.source
    if labels is not None:
        names = check_labels(list(labels))
    elif given is not None and given.names is not None:
        names = check_labels(given.names, source=str(labelled))
    else:
        names = _names_of_folders(None if given is None else source)
    sample = None if given is None else read_sample(source, names)
    if isinstance(templates, str):  # what the file says is kept, not where it lies
        templates = read_templates(templates)
    if isinstance(descriptions, str | Path):
        descriptions = read_descriptions(descriptions, names)
    say(f"loading {model} ...")
    encoder: Any = load_encoder(model, device=device)
    if not hasattr(encoder, "encode_text"):
        raise CapabilityError(f"model {encoder.name!r} has no text tower; adaptation starts from the names of classes")
    scale = float(getattr(encoder, "logit_scale", 100.0))
    texts = Texts(names, templates, descriptions)
    trainer = make_trainer(cls, parameters, encoder, texts, seed, device) if is_trainer(cls) else None
    table = class_table(names, encoder, templates=templates, descriptions=descriptions, store=store)
    embedding = {"store": store, "batch_size": batch_size, "jobs": jobs}

    def build() -> ZeroShotClassifier:
        known = cls().get_params()
        given = {"scale": scale, "random_state": seed, "device": device, "encoder": _spec(model)}
        return cls(**{k: v for k, v in given.items() if k in known} | parameters)

    known = None if sample is None else labelled_images(sample, names, encoder, embedding, progress)
    if known is not None and len(np.unique(known.y)) < 2:
        raise InputError(f"labelled images of at least two classes are needed; all are of {known.y[0]}")
    without = _kind(cls) == "none"
    pictures = None  # those without labels
    if without or (trainer is not None and trainer.some_captions and labelled != "folder"):
        pictures = known if labelled == "folder" else embedded_images(images, encoder, embedding, progress)
    learned, measured = np.arange(0), np.arange(0 if known is None else len(known.y))
    if not without:
        assert known is not None
        learned, measured = parted(known, shots, seed)
    base: ZeroShotClassifier = CLIP(scale).fit(None, None, classes=table)
    say(f"fitting {cls.__name__} ...")
    if trainer is not None:
        if without:
            assert pictures is not None
            fit = learn_unlabelled(trainer, pictures, texts)
        else:
            assert known is not None
            assert given is not None
            fit = learn_labelled(trainer, known, learned, pictures, given.captions, texts)
        fit.run(checkpoint, say)
        tried = fitted = CLIP(trainer.scale_).fit(None, None, classes=table_of(trainer, texts))
    elif without:
        assert pictures is not None
        tried = fitted = build().fit(None, None, classes=table, unlabelled=pictures.X)
    else:
        assert known is not None
        tried = fitted = build().fit(known.X[learned], known.y[learned], classes=table)
        if shots is None:
            learned = np.arange(len(known.y))
            fitted = build().fit(known.X, known.y, classes=table)

    def after() -> np.ndarray:
        assert known is not None
        if trainer is None:
            return tried.predict(known.X[measured])
        return tried.predict(encoded(trainer, [known.refs[i] for i in measured], batch_size))

    def before() -> np.ndarray:
        assert known is not None
        return base.predict(known.X[measured])

    figures, warning = _compared(None if known is None else known.y[measured], before, after)
    worse, moved = warning is not None, None
    if trainer is not None:
        moved = encoder if worse and safe else trainer.encoder_
    record = {
        "format": FORMAT,
        "base": _spec(model),
        "name": encoder.name,
        "fingerprint": encoder.fingerprint,
        "text_fingerprint": encoder.text_fingerprint,
        "method": "CLIP" if worse and safe else cls.__name__,
        "tried": cls.__name__,
        "kept_base": worse and safe,
        "labels": names,
        "templates": None if templates is None else [str(t) for t in templates],
        "shots": shots,
        "seed": seed,
        "learned_from": len(learned),
        "unlabelled": 0 if pictures is None else len(pictures.X),
        "unreadable": sum({id(seen): seen.failed for seen in (known, pictures) if seen is not None}.values()),
        "missing": [] if given is None else given.missing,
        "without_labelled_images": [] if known is None else sorted(set(names) - set(known.y.tolist())),
        "fewer": [] if known is None or shots is None else _fewer(known.y, shots),
        "setting": getattr(fitted, "setting_", None),
        "figures": figures,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return Adaptation(base if worse and safe else fitted, record, warning, moved)


def _kind(cls: Any) -> str | None:
    """What a method learns from: "labels", "none" (pictures without labels), "names"; None if it can't adapt here."""
    if is_trainer(cls):
        return "none" if "names" in cls.needs else "labels"
    if not (isinstance(cls, type) and issubclass(cls, ZeroShotClassifier)):
        return None
    traits = cls.traits
    if traits.takes != "features" or not traits.aligned_space:
        return None
    if traits.trained:
        return None if traits.needs_unlabelled else "labels"
    return "none" if traits.needs_unlabelled else "names"


def _fewer(y: np.ndarray, shots: int) -> list[str]:
    """Labels with fewer images than shots."""
    labels, counts = np.unique(y, return_counts=True)
    return labels[counts < shots].tolist()


def _spec(model: str) -> str:
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() else model


def _names_of_folders(source: Any) -> list[str]:
    from zorse.data.images import find_images
    from zorse.semantics import check_labels

    if source is None:
        raise InputError('no labels; give --labels "cat, dog" or --labels-file FILE')
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".csv":
        raise InputError(f"{source} says what its images show, not what there is to choose from; give --labels as well")
    hints = {ref.label_hint for ref in find_images(source)}
    return check_labels(sorted(hint for hint in hints if hint), source="the folders of the labelled images")


def _compared(y: np.ndarray | None, before: Any, after: Any) -> tuple[dict[str, Any], str | None]:
    """Figures of two predictions on held-out images, and a warning if they got worse."""
    from zorse.training.validation import mean_class_accuracy

    if y is None or not len(y):
        return {"held_out": 0, "names_alone": None, "adapted": None, "worse_classes": {}}, None
    before, after = before() == y, after() == y
    worse = {}
    for label in np.unique(y):
        own = y == label
        if after[own].mean() < before[own].mean():
            worse[str(label)] = [round(float(before[own].mean()), 4), round(float(after[own].mean()), 4)]
    names_alone, adapted = (mean_class_accuracy(y, np.where(right, y, "")) for right in (before, after))
    figures = {"held_out": len(y), "names_alone": round(names_alone, 4), "adapted": round(adapted, 4)}
    told = None
    if adapted < names_alone:
        most = sorted(worse.items(), key=lambda item: item[1][1] - item[1][0])[:3]
        classes = ", ".join(f"{name} {100 * a:.0f} -> {100 * b:.0f} %" for name, (a, b) in most)
        told = (
            f"adaptation made known classes worse: {100 * names_alone:.1f} % -> {100 * adapted:.1f} % mean class "
            f"accuracy on {len(y):,} held-out images ({classes})"
        )
    return figures | {"worse_classes": worse}, told
