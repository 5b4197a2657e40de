"""Class vectors as mean text embeddings of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.encoders.store import encode_text
from zorse.nn.vectors import unit_rows
from zorse.semantics.descriptions import match_labels, read_descriptions, spoken
from zorse.semantics.templates import DEFAULT, check_templates, read_templates

if TYPE_CHECKING:
    from zorse.encoders.protocols import TextEncoder
    from zorse.encoders.store import EmbeddingStore


def class_table(
    labels: Sequence | np.ndarray,
    encoder: TextEncoder,
    *,
    names: Sequence[str] | None = None,
    templates: str | PathLike | Sequence[str] | None = None,
    descriptions: str | PathLike | Mapping[str, Sequence[str]] | None = None,
    store: EmbeddingStore | None = None,
) -> ClassTable:
    """The class table of some names: every prompt of a class is embedded, and their mean is the class.

    Parameters
    ----------
    labels : sequence of length c
        What ``y`` and predictions hold.
    encoder : TextEncoder
        Its text tower is called once, with every prompt that differs from the others.
    names : sequence of c str, optional
        What fills the templates. Without them the labels do, their underscores read as spaces.
    templates : str, path or sequence of str, optional
        Templates with ``{}`` or ``{c}``; a string is what :func:`read_templates` takes. Without them, "a photo of
        a {}." for every class that no description speaks of. Articles are literal ("a photo of a owl."), as in the
        prompts that published figures rest on.
    descriptions : path, or mapping of label to sequence of str, optional
        Finished prompts by label, or a file for :func:`read_descriptions`. Given alone they take the place of the
        templates (CuPL); where templates are given too, all prompts of a class enter one mean ("CuPL + standard").
    store : EmbeddingStore, optional
        Keeps text embeddings; a prompt found there is not encoded again.

    Returns
    -------
    ClassTable
        ``vectors`` (c, k) are unit: the mean of the class's unit prompt embeddings, renormalised. ``prompts`` holds
        those embeddings, templates first, then descriptions, in the order given.

    Raises
    ------
    InputError
        If a template, a name or a description can't be used; it is quoted.
    UnknownNameError
        If a description is of no label.

    Notes
    -----
    Cost: one pass of the text tower over the distinct prompts, then O(p k) for p prompts in all, without a Python loop
    over them except to fill in names. Memory: 8 p k bytes stay in ``prompts`` (330 MB for 1,000 names, 80 templates,
    k = 512).
    """
    labels = list(labels)
    if not labels:
        raise InputError("no labels; a class table needs at least one")
    spelled = [spoken(label) for label in labels] if names is None else [str(name).strip() for name in names]
    if len(spelled) != len(labels):
        raise InputError(f"expected {len(labels)} names, one a label; got {len(spelled)}")
    for label, name in zip(labels, spelled, strict=True):
        if not name:
            raise InputError(f"label {label!r} has a blank name")
    texts = _prompts(labels, spelled, templates, descriptions)
    row_of: dict[str, int] = {}
    rows = [row_of.setdefault(text, len(row_of)) for of_class in texts for text in of_class]
    embedded = unit_rows(np.asarray(encode_text(encoder, list(row_of), store), dtype=np.float32))
    prompts = np.split(embedded[rows], np.cumsum([len(of_class) for of_class in texts])[:-1])
    means = np.stack([of_class.mean(axis=0, dtype=np.float64) for of_class in prompts])
    return ClassTable(np.array(labels), unit_rows(means), tuple(spelled), tuple(prompts))


def class_prompts(labels: Sequence[str], templates=None, descriptions=None) -> list[list[str]]:
    """The texts behind :func:`class_table`: every prompt of each label, in the order of its ``prompts``."""
    return _prompts(list(labels), [spoken(label) for label in labels], templates, descriptions)


def _prompts(labels: list, names: list[str], templates, descriptions) -> list[list[str]]:
    """The prompts of each class."""
    if isinstance(templates, str | PathLike):
        templates = read_templates(Path(templates) if isinstance(templates, PathLike) else templates)
    filled = None if templates is None else check_templates(templates)
    if descriptions is None:
        return [_fill(filled or DEFAULT, name) for name in names]
    keys = [str(label) for label in labels]
    if isinstance(descriptions, Mapping):
        for label, of_class in descriptions.items():
            if isinstance(of_class, str) or not all(isinstance(text, str) and text.strip() for text in of_class):
                raise InputError(f"descriptions of {label!r} must be a list of texts that are not blank")
        told = match_labels({str(label): list(of_class) for label, of_class in descriptions.items()}, keys)
    else:
        told = read_descriptions(descriptions, keys)
    found = []
    for key, name in zip(keys, names, strict=True):
        sentences = told.get(key, [])
        standard = _fill(filled or DEFAULT, name) if filled or not sentences else []
        found.append(standard + sentences)
    return found


def _fill(templates: Sequence[str], name: str) -> list[str]:
    return [template.replace("{}", name) for template in templates]
