"""Adapted models on disk: a saved method, and the base model without which it means nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.core.files import atomic_path
from zorse.jobs.folder import atomic_folder, check_folder

if TYPE_CHECKING:
    from zorse.core.classifier import ZeroShotClassifier
    from zorse.jobs.adapted_method import Adapted

FORMAT = 1
RECORD = "adapted.json"


def is_adapted(model: Any) -> bool:
    """Whether ``model`` is a folder that :func:`save_adapted` wrote."""
    return isinstance(model, str | Path) and (Path(model).expanduser() / RECORD).is_file()


def check_place(out: Path) -> None:
    """:func:`zorse.jobs.folder.check_folder` for an adapted model."""
    check_folder(out, "an adapted model", is_adapted(out))


def save_adapted(fitted: ZeroShotClassifier, record: dict[str, Any], out: Path) -> None:
    """Write model and record; the folder is the old one until it is the new one.

    Raises
    ------
    InputError, NotAvailableError
        As :func:`check_place` and :func:`zorse.jobs.folder.atomic_folder`.
    """
    from zorse.core.persist import save

    check_place(out)
    with atomic_folder(out) as folder:
        save(fitted, folder)
        with atomic_path(folder / RECORD) as path:
            path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_record(folder: str | Path) -> dict[str, Any]:
    """What is known about an adapted model.

    Raises
    ------
    InputError
        If the folder holds none, or one of another version.
    """
    path = Path(folder).expanduser() / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version, _, _, _ = (record[key] for key in ("format", "base", "fingerprint", "labels"))
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no adapted model: {RECORD} is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the record of an adapted model: {error}") from error
    if version != FORMAT:
        raise InputError(f"{path} has format {version}; this version of zorse reads {FORMAT}")
    return record


def load_adapted(folder: str | Path, encoder: Any) -> ZeroShotClassifier:
    """The fitted method, for embeddings of ``encoder``.

    Raises
    ------
    InputError
        If the encoder is not the one it was adapted over, or the folder is damaged.
    """
    from zorse.jobs.model import load_classifier

    record = read_record(folder)
    if encoder.fingerprint != record["fingerprint"]:
        raise InputError(
            f"{folder} was adapted over {record.get('name')} ({record['fingerprint'][:12]}); "
            f"{encoder.name} ({encoder.fingerprint[:12]}) is another model, whose embeddings mean something else"
        )
    return load_classifier(Path(folder).expanduser())


def open_adapted(
    folder: str | Path, labels: Any, method: Any, templates: Any, descriptions: Any, device: str
) -> tuple[Any, Any, Adapted, Any]:
    """What ``Classifier`` needs to use an adapted model: labels or a table, encoder, method, templates.

    Labels that the model knows bring what it has learned about them; where one is new, texts are made as they were.

    Raises
    ------
    InputError
        If a method, templates or descriptions are given that the model brings itself; as :func:`load_adapted`.
    """
    from zorse.encoders import load_encoder
    from zorse.jobs.adapted_method import Adapted
    from zorse.semantics import check_labels, parse_labels

    record = read_record(folder)
    if method is not None:
        raise InputError(f"{folder} was adapted by {record.get('method')}; another method can't be put in its place")
    if templates is not None or descriptions is not None:
        raise InputError(f"{folder} brings its own texts; templates and descriptions are for models not adapted")
    wanted: Sequence[str] | ClassTable | None = labels
    if labels is not None and not isinstance(labels, ClassTable):
        wanted = parse_labels(labels) if isinstance(labels, str) else check_labels(list(labels))
    encoder = load_encoder(record["base"], device=device)
    fitted = load_adapted(folder, encoder)
    if wanted is None or isinstance(wanted, ClassTable):
        return fitted.candidates_ if wanted is None else wanted, encoder, Adapted(fitted), None
    known = set(fitted.candidates_.labels.tolist())
    if all(label in known for label in wanted):
        return fitted.candidates_.select(list(wanted)), encoder, Adapted(fitted), None
    return wanted, encoder, Adapted(fitted), record.get("templates")
