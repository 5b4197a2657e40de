"""Fitted methods on disk: what made them, and what they answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core import ZeroShotClassifier, load
from zorse.core.errors import InputError
from zorse.core.files import atomic_path
from zorse.jobs.classification import Prediction
from zorse.jobs.pack import read_column

RECORD = "fit.json"
ROWS = 8192  # predicted at a time


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Put what is known about a fit beside its model."""
    with atomic_path(folder / RECORD) as path:
        path.write_text(json.dumps(record, indent=1) + "\n")


def read_record(folder: Path) -> dict[str, Any]:
    """What :func:`write_record` wrote; empty for a model that was saved by other means."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text()) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return record if isinstance(record, dict) else {}


def load_classifier(folder: Path) -> ZeroShotClassifier:
    """A saved method that classifies feature vectors.

    Raises
    ------
    InputError
        If the folder holds none.
    """
    model = load(folder)
    if not isinstance(model, ZeroShotClassifier):
        raise InputError(f"{folder} holds a {type(model).__name__}, which classifies no feature vectors")
    return model


def with_named_candidates(model: ZeroShotClassifier, asked: str) -> ZeroShotClassifier:
    """The model over ``"seen"`` or ``"unseen"`` classes, a list of labels parted by commas, or those in a file.

    Raises
    ------
    InputError
        If a label is unknown to the model, or none is left.
    """
    labels = model.candidates_.labels
    seen = np.isin(labels, model.seen_)
    if asked in ("seen", "unseen"):
        wanted: Any = labels[seen if asked == "seen" else ~seen]
    elif Path(asked).suffix.lower() in (".txt", ".json", ".npy"):
        wanted = read_column(Path(asked))
    else:
        wanted = [part.strip() for part in asked.split(",") if part.strip()]
    if len(wanted) == 0:
        raise InputError(f"no candidates: the model has {seen.sum()} seen and {(~seen).sum()} unseen classes")
    if labels.dtype.kind in "iuf":
        try:
            wanted = np.array(wanted).astype(labels.dtype)
        except ValueError as error:
            raise InputError(f"labels of this model are numbers, such as {labels[0]}; got {asked!r}") from error
    return model.with_candidates(wanted)


def predictions(
    model: ZeroShotClassifier, X: np.ndarray, keys: Sequence[str] | None = None, top_k: int = 5
) -> Iterator[Prediction]:
    """One row a sample, called by its key or else its row number from 0."""
    if X.ndim != 2 or X.dtype.kind not in "fiu":
        raise InputError(f"expected numbers of shape (n, d); got {X.dtype} of shape {X.shape}")
    expected = getattr(model, "n_features_in_", X.shape[1])
    if X.shape[1] != expected:
        raise InputError(f"the model was fitted on {expected} features a sample; got {X.shape[1]}")
    # Where the answer to a sample depends on the others, all are asked about together.
    together = not model.traits.independent_samples
    step = max(len(X), 1) if together else ROWS
    for start in range(0, len(X), step):
        p = model.predict_proba(X[start : start + step])
        best = np.argsort(-p, axis=1, kind="stable")[:, :top_k]
        for i, columns in enumerate(best):
            top = tuple((str(model.classes_[column]), float(p[i, column])) for column in columns)
            key = str(start + i) if keys is None else str(keys[start + i])
            yield Prediction(key, top[0][0], top[0][1], top)


def describe(folder: Path) -> dict[str, Any]:
    """What a saved model is, for ``zorse info``."""
    model = load(folder)
    record = read_record(folder)
    params = model.get_params(deep=False)
    default = type(model)().get_params(deep=False)
    candidates = model.candidates_
    seen = getattr(model, "seen_", candidates.labels[:0])
    files = [path for path in folder.iterdir() if path.suffix in (".safetensors", ".json")]
    history = getattr(model, "history_", [])
    return {
        "method": type(model).__name__,
        "module": type(model).__module__,
        "paper": f"{model.paper.title} ({model.paper.venue} {model.paper.year})",
        "parameters": {name: _told(value) for name, value in params.items()},
        "changed": sorted(name for name in params if _told(params[name]) != _told(default.get(name))),
        "features": getattr(model, "n_features_in_", None),
        "semantics": candidates.n_semantics,
        "seen": len(seen),
        "candidates": candidates.n_classes,
        "labels": [str(label) for label in candidates.labels],
        "losses": {name: round(loss, 6) for name, loss in history[-1].items()} if history else {},
        "epochs": len(history),
        "bytes": sum(path.stat().st_size for path in files),
    } | {"fit": record}


def _told(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | None) else repr(value)
