"""Sentences with a hole for a class name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zorse.core.errors import InputError, UnknownNameError
from zorse.semantics.files import kind_of, read_json, read_lines

DEFAULT = ("a photo of a {}.",)

#: Built-in sets. The article is literal, as in the captions that dual encoders grew up on: "a photo of a owl."
TEMPLATES: dict[str, tuple[str, ...]] = {
    "default": DEFAULT,
    "name": ("{}",),
    "ensemble": (
        "a photo of a {}.",
        "a snapshot of a {}.",
        "a picture that shows a {}.",
        "a {} in the foreground.",
        "a {} seen from nearby.",
        "a {} seen from far away.",
        "a {} on a plain background.",
        "a {} among other things.",
        "a {} outdoors.",
        "a {} indoors.",
        "a sunlit picture of a {}.",
        "a dim picture of a {}.",
        "a picture of part of a {}.",
        "a picture with more than one {}.",
        "a drawing of a {}.",
        "this is a {}.",
    ),
    "lowres": (
        "a photo of a {}.",
        "a tiny picture of a {}.",
        "a pixelated picture of a {}.",
        "a grainy thumbnail of a {}.",
        "a soft, small picture of a {}.",
        "a {} that is hard to make out.",
    ),
    "animals": (
        "a photo of a {}, an animal.",
        "a {} in the wild.",
        "a {} in its habitat.",
        "a {} looking at the camera.",
        "a young {}.",
        "the head of a {}.",
        "an animal called {}.",
    ),
    "plants": (
        "a photo of a {}, a plant.",
        "a {} growing outdoors.",
        "a {} in flower.",
        "the leaves of a {}.",
        "a plant called {}.",
    ),
    "food": (
        "a photo of {}, a dish.",
        "a plate of {}.",
        "{} on a table.",
        "homemade {}.",
        "{} as a restaurant serves it.",
        "food called {}.",
    ),
    "vehicles": (
        "a photo of a {}, a vehicle.",
        "a {} from the side.",
        "a {} from the front.",
        "a parked {}.",
        "a {} on the move.",
        "a vehicle called {}.",
    ),
    "scenes": (
        "a photo of a {}, a place.",
        "a view of a {}.",
        "a wide view of a {}.",
        "inside a {}.",
        "a place called {}.",
    ),
    "actions": (
        "a photo of a person, the activity is {}.",
        "someone doing {}.",
        "people engaged in {}.",
        "a moment of {}.",
        "this is what {} looks like.",
    ),
    "satellite": (
        "a satellite picture of {}.",
        "{} seen from above.",
        "{} seen from space.",
        "an aerial view of {}.",
        "land use: {}.",
    ),
    "textures": (
        "a surface with a {} texture.",
        "a {} texture, close up.",
        "a {} pattern.",
        "something {}.",
        "material that looks {}.",
    ),
    "products": (
        "a product photo of a {}.",
        "a {} on a white background.",
        "a {} for sale.",
        "a {} as a catalogue shows it.",
        "merchandise: a {}.",
    ),
    "paintings": (
        "a painting of a {}.",
        "a {} in oil on canvas.",
        "a watercolour of a {}.",
        "a {} as an artist sees it.",
        "artwork that depicts a {}.",
    ),
    "cartoons": (
        "a cartoon of a {}.",
        "a comic-book {}.",
        "an animated {}.",
        "a flat, colourful illustration of a {}.",
        "a funny {} with bold outlines.",
    ),
    "sketches": (
        "a sketch of a {}.",
        "a pencil drawing of a {}.",
        "a line drawing of a {}.",
        "the outline of a {}.",
        "a {} doodled in black ink.",
    ),
}


def read_templates(name_or_path: str | Path) -> list[str]:
    """Templates from a built-in set, from one template written out, or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        In this order: the name of a set in ``TEMPLATES``; a text that contains ``{``, which is a template itself;
        a file. A file whose name ends in ``.json`` holds a list of templates, or an object ``{dataset: [templates]}``
        or ``{dataset: {"templates": [templates]}}``; of several data sets one is chosen as ``file.json:dataset``.
        Any other file has one template a line.

    Returns
    -------
    list of str
        With every placeholder written ``{}``.

    Raises
    ------
    InputError
        As :func:`check_templates`, with the line; also if the file is missing or of another shape.
    UnknownNameError
        If it is neither a set nor a file, or the file has no such data set.
    """
    name = str(name_or_path)
    if name.strip().casefold() in TEMPLATES:
        return list(TEMPLATES[name.strip().casefold()])
    if "{" in name and not Path(name).is_file():
        return check_templates([name])
    file, colon, dataset = name.rpartition(":")
    if not colon or Path(name).is_file():
        file, dataset = name, ""
    if Path(file).suffix.lower() == ".json":
        return _from_json(file, dataset)
    if not Path(file).is_file() and not Path(file).suffix and "/" not in file:
        raise UnknownNameError("set of templates", name, TEMPLATES, "(or give a file)")
    numbered = read_lines(name)
    return check_templates([t for _, t in numbered], where=[f"line {n} of {name}" for n, _ in numbered], source=name)


def check_templates(templates: Sequence[str], *, where: Sequence[str] = (), source: str = "the templates") -> list[str]:
    """The templates, trimmed, with every placeholder written ``{}``.

    A placeholder is ``{}`` or ``{c}``; a template may have several, and no other brace.

    Parameters
    ----------
    templates : sequence of str
    where : sequence of str, optional
        What the message of an error calls each template.
    source : str
        What it calls all of them.

    Raises
    ------
    InputError
        If there are none, or one has no placeholder or another brace; it is quoted.
    """
    if isinstance(templates, str):
        raise InputError(f"expected a list of templates; got the text {templates!r}")
    checked = []
    for at, template in enumerate(templates):
        told = where[at] if where else f"template {at + 1}"
        if not isinstance(template, str):
            raise InputError(f"{told} of {source} is {kind_of(template)}; expected a text")
        plain = template.strip().replace("{c}", "{}")
        other = re.search(r"\{[^{}]*\}?|\}", plain.replace("{}", ""))
        if other:
            raise InputError(f"{told} has {other[0]!r}; the placeholder is {{}} or {{c}}: {template.strip()!r}")
        if "{}" not in plain:
            raise InputError(f"{told} has no {{}} for the name of a class: {template.strip()!r}")
        checked.append(plain)
    if not checked:
        raise InputError(f"no templates in {source}")
    return checked


def _from_json(file: str, dataset: str) -> list[str]:
    value: Any = read_json(file)
    source = file
    if isinstance(value, dict):
        if not value:
            raise InputError(f"no templates in {file}")
        if dataset and dataset not in value:
            raise UnknownNameError("data set", dataset, value, f"in {file}")
        if not dataset and len(value) > 1:
            known = ", ".join(list(value)[:5]) + (", ..." if len(value) > 5 else "")
            raise InputError(f"{file} has templates of {len(value)} data sets ({known}); choose one as {file}:NAME")
        source = dataset or next(iter(value))
        value = value[source]
        source = f"{source} of {file}"
        if isinstance(value, dict) and "templates" in value:
            value = value["templates"]
    elif dataset:
        raise InputError(f"{file} holds {kind_of(value)}; it has no data set {dataset!r}")
    if not isinstance(value, list):
        raise InputError(f"{source} holds {kind_of(value)}; expected a list of templates")
    return check_templates(value, where=[f"template {n} of {source}" for n in range(1, len(value) + 1)], source=source)
