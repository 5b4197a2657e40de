"""How often texts name a class, and by which of its names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np


def mentions(texts: Iterable[str], names: Mapping[str, Sequence[str]]) -> dict[str, dict[str, list[int]]]:
    """Which texts name what.

    Parameters
    ----------
    texts : iterable of str
        Captions; gone through once.
    names : mapping of label to sequence of str
        All names of each class; case and punctuation do not matter, a regular plural counts.

    Returns
    -------
    dict of label to dict of name to list of int
        The numbers of the texts that hold the name as whole words.

    Notes
    -----
    Cost: O(words of all texts x words of the longest name), however many names there are.
    """
    found: dict[str, dict[str, list[int]]] = {label: {name: [] for name in own} for label, own in names.items()}
    wanted: dict[str, list[tuple[str, str]]] = {}
    for label, own in names.items():
        for name in own:
            plain = " ".join(_words(name))
            for form in {plain, f"{plain}s", f"{plain}es"} if plain else ():
                wanted.setdefault(form, []).append((label, name))
    longest = max((form.count(" ") + 1 for form in wanted), default=0)
    for number, text in enumerate(texts):
        words = _words(text)
        grams = {" ".join(words[i : i + n]) for n in range(1, longest + 1) for i in range(len(words) - n + 1)}
        for label, name in {at for gram in grams & wanted.keys() for at in wanted[gram]}:
            found[label][name].append(number)
    return found


def concept_frequency(texts: Iterable[str], names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many texts name each class by any of its names."""
    told = mentions(texts, names)
    return {label: len(set().union(*of.values())) if of else 0 for label, of in told.items()}


def frequent_names(texts: Iterable[str], names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The name of each class that most texts use; the first where none is used or several are used as often.

    With ``class_table(labels, encoder, names=...)`` this is REAL-Prompt (Parashar et al., CVPR 2024): an encoder knows
    a class best by the synonym that it has read most often.
    """
    told = mentions(texts, names)
    return {label: max(own, key=lambda name: len(told[label][name])) for label, own in names.items() if len(own)}


def synonyms_in(wordnet, labels: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Each name with the synonyms of its commonest sense in WordNet, itself first."""
    found = {}
    for label in labels:
        senses = wordnet.find(label)
        more = senses[0].names if senses else ()
        found[label] = tuple(dict.fromkeys((label, *(name for name in more if name.lower() != label.lower()))))
    return found


def rows_that_name(texts: Iterable[str], names: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
    """The numbers of the texts that name each class, ascending."""
    told = mentions(texts, names)
    return {label: np.array(sorted(set().union(*of.values())) if of else [], dtype=int) for label, of in told.items()}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("_", " "))
