"""Adapted models on disk: a saved method, and the base model without which it means nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.core.files import atomic_path
from zorse.jobs.folder import atomic_folder, check_folder

if TYPE_CHECKING:
    from zorse.core.classifier import ZeroShotClassifier

FORMAT = 1
RECORD = "adapted.json"
CLASSES = "classes"  # sub-folder of the classifier beside an encoder, whose own files are the folder's


def is_adapted(model: Any) -> bool:
    """Whether ``model`` is a folder that :func:`save_adapted` wrote."""
    return isinstance(model, str | Path) and (Path(model).expanduser() / RECORD).is_file()


def moves_encoder(model: Any) -> bool:
    """Whether ``model`` is an adapted folder that is an encoder itself, because a trainer moved its weights."""
    return is_adapted(model) and "encoder" in read_record(model)


def checkpoint_of(out: Path) -> Path:
    """Where a training that is to end in ``out`` keeps how far it is."""
    return out.absolute().with_name(f".{out.absolute().name}.training")


def check_place(out: Path) -> None:
    """:func:`zorse.jobs.folder.check_folder` for an adapted model."""
    check_folder(out, "an adapted model", is_adapted(out))


def save_adapted(fitted: ZeroShotClassifier, record: dict[str, Any], out: Path, encoder: Any = None) -> None:
    """Write model and record; the folder is the old one until it is the new one.

    An ``encoder`` whose weights were moved makes the folder one that ``load_encoder`` reads, with the classifier in it.

    Raises
    ------
    InputError, NotAvailableError
        As :func:`check_place` and :func:`zorse.jobs.folder.atomic_folder`.
    """
    from zorse.core.persist import save
    from zorse.encoders import load_encoder

    check_place(out)
    with atomic_folder(out) as folder:
        if encoder is not None:
            encoder.save(folder)
            read: Any = load_encoder(str(folder), device="cpu")  # weights on disk have another hash than in memory
            record["encoder"] = {"fingerprint": read.fingerprint, "text_fingerprint": read.text_fingerprint}
        save(fitted, folder if encoder is None else folder / CLASSES)
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

    record, path = read_record(folder), Path(folder).expanduser()
    if (own := record.get("encoder")) is not None:
        if (encoder.fingerprint, encoder.text_fingerprint) != (own.get("fingerprint"), own.get("text_fingerprint")):
            raise InputError(
                f"{folder} holds what {record.get('method')} made of {record.get('name')} "
                f"({str(own.get('fingerprint'))[:12]}); {encoder.name} ({encoder.fingerprint[:12]}) is another model"
            )
        return load_classifier(path / CLASSES)
    if encoder.fingerprint != record["fingerprint"]:
        raise InputError(
            f"{folder} was adapted over {record.get('name')} ({record['fingerprint'][:12]}); "
            f"{encoder.name} ({encoder.fingerprint[:12]}) is another model, whose embeddings mean something else"
        )
    return load_classifier(path)


def open_adapted(
    folder: str | Path, labels: Any, method: Any, templates: Any, descriptions: Any, device: str
) -> tuple[Any, Any, Any, Any]:
    """What ``Classifier`` needs to use an adapted model: labels or a table, encoder, method, templates.

    Labels that the model knows bring what it has learned about them; where one is new, texts are made as they were.
    A folder that is an encoder itself also takes other methods, templates and descriptions.

    Raises
    ------
    InputError
        If a method, templates or descriptions are given that the model brings itself; as :func:`load_adapted`.
    """
    from zorse.encoders import load_encoder
    from zorse.jobs.adapted_method import Adapted
    from zorse.semantics import check_labels, class_table, parse_labels

    record = read_record(folder)
    plain = method is None and templates is None and descriptions is None
    if "encoder" in record and not plain:
        own = record["labels"] if labels is None else labels
        return own, load_encoder(str(folder), device=device), method, templates
    if method is not None:
        raise InputError(f"{folder} was adapted by {record.get('method')}; another method can't be put in its place")
    if templates is not None or descriptions is not None:
        raise InputError(f"{folder} brings its own texts; templates and descriptions are for models not adapted")
    wanted: Any = labels
    if labels is not None and not isinstance(labels, ClassTable):
        wanted = parse_labels(labels) if isinstance(labels, str) else check_labels(list(labels))
    encoder: Any = load_encoder(str(folder) if "encoder" in record else record["base"], device=device)
    fitted = load_adapted(folder, encoder)
    if wanted is None or isinstance(wanted, ClassTable):
        return fitted.candidates_ if wanted is None else wanted, encoder, Adapted(fitted), None
    known = set(fitted.candidates_.labels.tolist())
    if all(label in known for label in wanted):
        return fitted.candidates_.select(list(wanted)), encoder, Adapted(fitted), None
    if "encoder" in record:  # what was learned of a class is its vector, which stands beside texts of new ones
        new = [label for label in wanted if label not in known]
        texts: Any = class_table(new, encoder, templates=record.get("templates"))
        rows = {str(k): v for t in (fitted.candidates_, texts) for k, v in zip(t.labels, t.vectors, strict=True)}
        table = ClassTable(np.array(wanted), np.stack([rows[label] for label in wanted]))
        return table, encoder, Adapted(fitted), None
    return wanted, encoder, Adapted(fitted), record.get("templates")
