"""A frozen model and your pictures: fit an adaptation method on their embeddings, and see whether it helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.classifier import ZeroShotClassifier
from zorse.core.errors import CapabilityError, InputError
from zorse.jobs.adapted import FORMAT
from zorse.jobs.embed import embed_stream
from zorse.jobs.method import read_parameters
from zorse.jobs.sample import read_sample

if TYPE_CHECKING:
    from zorse.encoders.store import EmbeddingStore

LABELLED, UNLABELLED = "gda", "gda_em"  # what is taken where no method is named
KEPT_OUT = 0.25  # of each class's labelled images, to measure on where --shots leaves none


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A fitted method and what is known about it.

    Attributes
    ----------
    fitted : ZeroShotClassifier
        The adapted one, or names alone where ``kept_base``.
    record : dict
        Base model, fingerprints, labels, counts and figures; goes to ``adapted.json``.
    warning : str or None
        How it got worse on held-out images.
    """

    fitted: ZeroShotClassifier
    record: dict[str, Any]
    warning: str | None


@dataclass(frozen=True, eq=False)
class _Seen:
    """Embedded images, each content once."""

    X: np.ndarray
    y: np.ndarray
    digests: list[str]
    failed: int


def methods_for(labelled: bool) -> list[str]:
    """Names of the methods that adapt with labels, or without."""
    from zorse import catalogue

    return [name for name, cls in catalogue.all_methods().items() if _kind(cls) == ("labels" if labelled else "none")]


def choose_method(spec: str | None, labelled: bool) -> tuple[type[ZeroShotClassifier], dict[str, Any]]:
    """The method of ``"name:key=value,..."``, or the default one, with its parameters.

    Raises
    ------
    CapabilityError
        If it does not apply; it says why, and which do.
    """
    from zorse import catalogue

    name, _, settings = (part.strip() for part in (spec or (LABELLED if labelled else UNLABELLED)).partition(":"))
    cls: Any = catalogue.method(name)
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
    if kind is None and cls.traits.takes == "images":
        raise CapabilityError(
            f"{told} trains the model itself, in Python: {told}(encoder=...).fit(images, ...).save(folder), and then "
            f"--model folder. Methods that adapt stored embeddings: {which}"
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
        ``.csv`` with the columns path and label.
    shots : int, optional
        Labelled images a class to learn from, drawn by their content and ``seed``; the others measure. Without it a
        quarter measures, and then all are learned from.
    templates, store, batch_size, jobs, device
        As in :func:`zorse.classify`.
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
    from zorse.semantics import check_labels, class_table, read_templates

    if shots is not None and shots < 1:
        raise InputError(f"shots must be at least 1; got {shots}")
    if shots is not None and labelled is None:
        raise InputError("shots are drawn from labelled images; give --labelled as well")
    cls, parameters = choose_method(method, labelled is not None)
    source = images if labelled == "folder" else labelled
    names = check_labels(list(labels)) if labels is not None else _names_of_folders(source)
    sample = None if source is None else read_sample(source, names)
    if isinstance(templates, str):  # what the file says is kept, not where it lies
        templates = read_templates(templates)
    say(f"loading {model} ...")
    encoder: Any = load_encoder(model, device=device)
    if not hasattr(encoder, "encode_text"):
        raise CapabilityError(f"model {encoder.name!r} has no text tower; adaptation starts from the names of classes")
    scale = float(getattr(encoder, "logit_scale", 100.0))
    table = class_table(names, encoder, templates=templates, store=store)
    embedding = {"store": store, "batch_size": batch_size, "jobs": jobs}

    def build() -> ZeroShotClassifier:
        known = cls().get_params()
        given = {"scale": scale, "random_state": seed, "device": device, "encoder": _spec(model)}
        return cls(**{k: v for k, v in given.items() if k in known} | parameters)

    known = None if sample is None else _labelled(sample, names, encoder, embedding, progress)
    if known is not None and len(np.unique(known.y)) < 2:
        raise InputError(f"labelled images of at least two classes are needed; all are of {known.y[0]}")
    if cls.traits.needs_unlabelled:
        pictures = known if labelled == "folder" else _embedded(images, encoder, embedding, progress)
        assert pictures is not None
        say(f"fitting {cls.__name__} ...")
        fitted = build().fit(None, None, classes=table, unlabelled=pictures.X)
        learned, unlabelled, failed = np.arange(0), len(pictures.X), pictures.failed
        held = None if known is None else (known.X, known.y)
        tried = fitted
    else:
        assert known is not None
        learned, measured = _parted(known, shots, seed)
        held, unlabelled, failed = (known.X[measured], known.y[measured]), 0, known.failed
        say(f"fitting {cls.__name__} ...")
        tried = fitted = build().fit(known.X[learned], known.y[learned], classes=table)
        if shots is None:
            learned = np.arange(len(known.y))
            fitted = build().fit(known.X, known.y, classes=table)
    base: ZeroShotClassifier = CLIP(scale).fit(None, None, classes=table)
    figures, warning = _compared(held, base, tried)
    worse = warning is not None
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
        "unlabelled": unlabelled,
        "unreadable": failed,
        "without_labelled_images": [] if known is None else sorted(set(names) - set(known.y.tolist())),
        "setting": getattr(fitted, "setting_", None),
        "figures": figures,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return Adaptation(base if worse and safe else fitted, record, warning)


def _kind(cls: Any) -> str | None:
    """What a method learns from: "labels", "none" (pictures without labels), "names"; None if it can't adapt here."""
    if not (isinstance(cls, type) and issubclass(cls, ZeroShotClassifier)):
        return None
    traits = cls.traits
    if traits.takes != "features" or not traits.aligned_space:
        return None
    if traits.trained:
        return None if traits.needs_unlabelled else "labels"
    return "none" if traits.needs_unlabelled else "names"


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


def _labelled(sample: Any, names: list[str], encoder: Any, options: dict, progress: Any) -> _Seen:
    images, label_of = sample
    X, y, failed = [], [], 0
    at: dict[str, tuple[str, str]] = {}
    strangers: dict[str, str] = {}
    with closing(embed_stream(images, encoder, progress=progress, **options)) as stream:
        for item in stream:
            said = label_of(str(item.key), item.label_hint)
            if not said:
                strangers.setdefault(str(item.label_hint), str(item.key))
                continue
            if item.vector is None or item.digest is None:
                failed += 1
                continue
            if len(said) > 1:
                raise InputError(f"{item.key} has several labels; adaptation needs exactly one an image")
            if item.digest in at:
                if at[item.digest][0] != said[0]:
                    raise InputError(
                        f"{item.key} is labelled {said[0]!r}, and its copy {at[item.digest][1]} {at[item.digest][0]!r}"
                    )
                continue
            at[item.digest] = (said[0], str(item.key))
            X.append(item.vector)
            y.append(said[0])
    if strangers:
        folder, key = next(iter(strangers.items()))
        more = f", nor are {len(strangers) - 1} more folders" if len(strangers) > 1 else ""
        raise InputError(f"{key} lies in the folder {folder!r}, which is no label{more}; the labels: {_listed(names)}")
    if not X:
        raise InputError("none of the labelled images can be read")
    return _Seen(np.stack(X).astype(float), np.array(y), list(at), failed)


def _embedded(images: Any, encoder: Any, options: dict, progress: Any) -> _Seen:
    vectors: dict[str, np.ndarray] = {}
    failed = 0
    with closing(embed_stream(images, encoder, progress=progress, **options)) as stream:
        for item in stream:
            if item.vector is None or item.digest is None:
                failed += 1
            else:
                vectors.setdefault(item.digest, item.vector)
    if not vectors:
        raise InputError(f"none of the {failed} images can be read")
    return _Seen(np.stack(list(vectors.values())).astype(float), np.array([""] * len(vectors)), list(vectors), failed)


def _parted(known: _Seen, shots: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to learn from and to measure on; they depend on what the images contain, not on names and order."""
    from zorse.evaluation import draw_shots, labelled_split

    if shots is None:
        learned, _, measured = labelled_split(known.y, known.digests, parts=(1 - KEPT_OUT, 0.0), seed=seed)
        return learned, measured
    learned = draw_shots(known.y, shots, seed, known.digests)
    return learned, np.setdiff1d(np.arange(len(known.y)), learned)


def _compared(held: Any, base: ZeroShotClassifier, tried: ZeroShotClassifier) -> tuple[dict[str, Any], str | None]:
    """Figures on held-out images, and a warning if they got worse."""
    from zorse.training.validation import mean_class_accuracy

    if held is None or not len(held[0]):
        return {"held_out": 0, "names_alone": None, "adapted": None, "worse_classes": {}}, None
    X, y = held
    before, after = base.predict(X) == y, tried.predict(X) == y
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


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
