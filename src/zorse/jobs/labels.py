"""Labels from files that hold more than labels."""

from __future__ import annotations

from pathlib import Path

from zorse.core.errors import InputError
from zorse.semantics import check_labels, read_labels
from zorse.semantics.files import read_json


def from_file(path: str | Path) -> tuple[list[str], dict[str, list[str]] | None]:
    """Labels from a file, and the prompts of each if it is an ontology ``{prompt: class}``.

    Raises
    ------
    InputError
        If the file can't be read or its labels can't be used; it names the file.
    """
    if Path(path).suffix.lower() != ".json" or not isinstance(content := read_json(path), dict):
        return read_labels(path), None
    prompts: dict[str, list[str]] = {}
    for prompt, label in content.items():
        if not isinstance(label, str):
            raise InputError(
                f"{path}: {prompt!r} should stand for a class name; sentences by class go to --descriptions"
            )
        prompts.setdefault(label.strip(), []).append(prompt)
    return check_labels(list(prompts), source=str(path)), prompts


def from_descriptions(path: str | Path) -> list[str]:
    """The classes that a file of descriptions speaks of.

    Raises
    ------
    InputError
        If it is not ``{class: [sentences]}``; an ontology is a labels file.
    """
    content = read_json(path)
    told = content.values() if isinstance(content, dict) else [None]
    if not all(isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in told):
        raise InputError(f"no labels; {path} is not {{class: [sentences]}}, so give --labels or --labels-file as well")
    return check_labels(list(content), source=str(path))
