"""What is said about each class, read from the files people already have."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from zorse.core.errors import InputError, UnknownNameError
from zorse.semantics.files import kind_of, read_json
from zorse.semantics.labels import same_name

#: How a descriptor ("long legs", "made of wood", "may fly") becomes a prompt. The colon fits a noun, an adjective and a
#: clause alike, where "which has" or "which is" fits only some of them.
DESCRIBED = "a photo of a {name}: {descriptor}."


def read_descriptions(
    path: str | Path, labels: Sequence[str], *, unknown: Literal["refuse", "ignore"] = "refuse"
) -> dict[str, list[str]]:
    """Prompts for each label from a JSON file of descriptions.

    Three kinds of file are told apart by their values:

    - lists of texts: ``{class: [text, ...]}``. A text that names its class or ends in ``.``, ``!`` or ``?`` is a
      sentence and is encoded as it stands (CuPL). Any other text is a descriptor (DCLIP): "long legs" of a heron
      becomes "a photo of a heron: long legs."
    - texts, where at least as many values as keys are among the labels: an ontology ``{prompt: class}``. Prompts are
      encoded as they stand; a class may have several.
    - texts otherwise: ``{class: text}``, read as ``{class: [text]}``.

    Class names match labels whatever their case, underscores and surrounding spaces. A label without a description,
    or with an empty list, is named in a warning and missing from the result.

    Parameters
    ----------
    path : str or Path
    labels : sequence of str
    unknown : {"refuse", "ignore"}
        What to do with a class that is not among the labels.

    Returns
    -------
    dict of str to list of str
        By label, in the order of ``labels``.

    Raises
    ------
    InputError
        If the file is missing, not JSON, of another shape, or describes none of the labels; it names file and key.
    UnknownNameError
        If a class is not among the labels; the nearest labels are offered.
    """
    value = read_json(path)
    if not isinstance(value, dict) or not value:
        held = "no class" if value == {} else kind_of(value)
        raise InputError(f"{path} holds {held}; expected {{class: [sentences]}}")
    texts, ontology = _texts(value, labels, str(path))
    found = match_labels(texts, labels, f"in {path}", unknown=unknown)
    prompts = {
        label: [text if ontology or _is_sentence(text, label) else _described(label, text) for text in found[label]]
        for label in labels
        if found.get(label)
    }
    if not prompts:
        raise InputError(f"{path} describes none of the labels; its classes begin with {', '.join(list(texts)[:3])}")
    missing = [label for label in labels if label not in prompts]
    if missing:
        told = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        warnings.warn(f"{path} has no description of {told}; templates alone speak for them", stacklevel=2)
    return prompts


def match_labels(
    by_class: Mapping[str, list[str]],
    labels: Iterable[str],
    hint: str = "",
    *,
    unknown: Literal["refuse", "ignore"] = "refuse",
) -> dict[str, list[str]]:
    """Lists keyed by class name, keyed by label instead; names that match one label join their lists.

    Raises
    ------
    UnknownNameError
        If a class is not among the labels and ``unknown`` is "refuse".
    """
    by_name = {same_name(label): label for label in labels}
    matched: dict[str, list[str]] = {}
    for name, texts in by_class.items():
        label = by_name.get(same_name(name))
        if label is not None:
            matched.setdefault(label, []).extend(texts)
        elif unknown == "refuse":
            raise UnknownNameError("class", name, by_name.values(), hint)
    return matched


def _texts(value: dict[str, Any], labels: Sequence[str], path: str) -> tuple[dict[str, list[str]], bool]:
    """Every kind of file as ``{class: [text, ...]}``, and whether it was an ontology."""
    for key, texts in value.items():
        if isinstance(texts, dict):
            hint = "; templates are read with --templates" if "templates" in texts else ""
            raise InputError(f"{path}: {key!r} is an object; expected a list of sentences{hint}")
        if not isinstance(texts, str | list):
            raise InputError(f"{path}: {key!r} is {kind_of(texts)}; expected a list of sentences")
        for text in [texts] if isinstance(texts, str) else texts:
            if not isinstance(text, str):
                raise InputError(f"{path}: {key!r} contains {kind_of(text)}; expected a text")
            if not text.strip():
                raise InputError(f"{path}: {key!r} contains a blank text")
    single = [isinstance(texts, str) for texts in value.values()]
    if any(single) and not all(single):
        odd = next(key for key, one in zip(value, single, strict=True) if one != single[0])
        raise InputError(f"{path}: {odd!r} is {kind_of(value[odd])}, unlike those before; expected one kind throughout")
    if all(single):
        names = {same_name(label) for label in labels}
        if sum(same_name(v) in names for v in value.values()) >= sum(same_name(k) in names for k in value):
            ontology: dict[str, list[str]] = {}
            for prompt, name in value.items():
                if not prompt.strip():
                    raise InputError(f"{path}: a prompt of {name!r} is blank")
                ontology.setdefault(name, []).append(_joined(prompt))
            return ontology, True
        value = {key: [text] for key, text in value.items()}
    return {key: [_joined(text) for text in texts] for key, texts in value.items()}, False


def _is_sentence(text: str, label: str) -> bool:
    names_class = rf"(?<!\w){re.escape(same_name(label))}(s|es)?(?!\w)"
    return text.endswith((".", "!", "?")) or re.search(names_class, same_name(text)) is not None


def _described(label: str, descriptor: str) -> str:
    return DESCRIBED.format(name=spoken(label), descriptor=descriptor.rstrip(".;,"))


def spoken(label: str) -> str:
    """A label as it stands in a prompt: underscores are spaces."""
    return _joined(str(label).replace("_", " "))


def _joined(text: str) -> str:
    return " ".join(text.split())
