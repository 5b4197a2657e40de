"""Classes described by their kinds, and classes told from one another."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError, NotAvailableError
from zorse.core.graph import ClassGraph
from zorse.encoders.store import encode_text
from zorse.nn.vectors import unit_rows
from zorse.semantics.descriptions import match_labels, spoken
from zorse.semantics.files import kind_of, read_json
from zorse.semantics.labels import same_name
from zorse.semantics.prompts import class_table
from zorse.semantics.wordnet import WordNet

if TYPE_CHECKING:
    from zorse.encoders.protocols import TextEncoder
    from zorse.encoders.store import EmbeddingStore

#: What pairs of texts may differ in.
INSIGHTS = ("harmful", "helpful")


def subclass_table(
    labels: Sequence | np.ndarray,
    encoder: TextEncoder,
    *,
    subclasses: str | PathLike | Mapping[str, Sequence[str]] | None = None,
    templates: str | PathLike | Sequence[str] | None = None,
    most: int = 20,
    store: EmbeddingStore | None = None,
) -> ClassTable:
    """The class table of some names, whose ``prompts`` hold one unit vector for each sub-class.

    Parameters
    ----------
    labels : sequence of length c
    encoder : TextEncoder
    subclasses : path, or mapping of label to sequence of str, optional
        Names of the kinds of a class, or a JSON file of them. Without them, WordNet's kinds of the first noun of that
        name. A sub-class that does not hold the name of its class gets it, and the class itself joins its sub-classes.
    templates : str, path or sequence of str, optional
        As of :func:`class_table`; a sub-class is the mean of its templates.
    most : int
        Kinds taken from WordNet at most.
    store : EmbeddingStore, optional

    Returns
    -------
    ClassTable
        ``vectors`` are those of the classes themselves.

    Raises
    ------
    InputError
        If the sub-classes are not lists of texts.
    NotAvailableError
        If there are none and WordNet is not installed.
    """
    keys = [str(label) for label in labels]
    if subclasses is None:
        kinds = _kinds_in_wordnet(keys, most)
    else:
        given = subclasses if isinstance(subclasses, Mapping) else read_json(str(subclasses))
        source = "" if isinstance(subclasses, Mapping) else f" in {subclasses}"
        kinds = match_labels(_lists(given, source), keys, source.strip())
    names = [_named(spoken(key), kinds.get(key, [])) for key in keys]
    plain = class_table(labels, encoder, templates=templates, store=store)
    distinct = list(dict.fromkeys(name for of_class in names for name in of_class))
    vectors = class_table(distinct, encoder, templates=templates, store=store).vectors
    row = {name: i for i, name in enumerate(distinct)}
    return replace(plain, prompts=tuple(vectors[[row[name] for name in of_class]] for of_class in names))


def difference_table(
    labels: Sequence | np.ndarray,
    encoder: TextEncoder,
    differences: str | PathLike | Mapping[str, Mapping[str, Sequence[str]]],
    *,
    templates: str | PathLike | Sequence[str] | None = None,
    store: EmbeddingStore | None = None,
) -> ClassTable:
    """The class table of some names, whose ``graph`` holds what tells each class from each other.

    Parameters
    ----------
    labels : sequence of length c
    encoder : TextEncoder
    differences : path, or mapping of class to mapping of another class to sequence of str
        Finished prompts about the first class that set it apart from the second; or a JSON file of them. Classes that
        are not among the labels are left out.
    templates : str, path or sequence of str, optional
        As of :func:`class_table`, for the ``vectors``.
    store : EmbeddingStore, optional

    Returns
    -------
    ClassTable
        Nodes of the ``graph`` are the classes and the texts. An edge leads from a class to a text; its relation is
        the row of the node of the class that the text tells it from.

    Raises
    ------
    InputError
        If ``differences`` have another shape, or speak of no two of the labels.
    """
    plain = class_table(labels, encoder, templates=templates, store=store)
    nodes = [str(label) for label in labels]
    row_of = {same_name(node): i for i, node in enumerate(nodes)}
    given = differences if isinstance(differences, Mapping) else read_json(str(differences))
    source = "the differences" if isinstance(differences, Mapping) else str(differences)
    if not isinstance(given, Mapping) or not all(isinstance(others, Mapping) for others in given.values()):
        raise InputError(f"{source}: expected {{class: {{other class: [texts]}}}}")
    text_row: dict[str, int] = {}
    edges, relations = [], []
    for name, others in given.items():
        for other, texts in _lists(others, f" of {name!r} in {source}").items():
            a, b = row_of.get(same_name(name)), row_of.get(same_name(other))
            if a is None or b is None or a == b:
                continue
            for text in texts:
                edges.append((a, len(nodes) + text_row.setdefault(text, len(text_row))))
                relations.append(b)
    if not edges:
        raise InputError(f"{source} tell no two of the labels apart")
    vectors = unit_rows(np.asarray(encode_text(encoder, list(text_row), store), dtype=np.float64))
    taken = set(nodes)  # a text that is a class's name as well needs another name as a node
    told = [f"text: {text}" if text in taken else text for text in text_row]
    graph = ClassGraph((*nodes, *told), np.concatenate([plain.vectors, vectors]), np.array(edges), np.array(relations))
    return replace(plain, graph=graph)


def insight_table(
    labels: Sequence | np.ndarray,
    encoder: TextEncoder,
    insights: str | PathLike | Mapping[str, Sequence[Sequence[str]]],
    *,
    templates: str | PathLike | Sequence[str] | None = None,
    store: EmbeddingStore | None = None,
) -> ClassTable:
    """The class table of some names, whose ``graph`` holds pairs of texts that differ in what misleads, or helps.

    Parameters
    ----------
    labels : sequence of length c
    encoder : TextEncoder
    insights : path, or mapping
        ``{"harmful": [[text, other text], ...], "helpful": [...]}``, one of the two at least; or a JSON file of it.
    templates : str, path or sequence of str, optional
        As of :func:`class_table`.
    store : EmbeddingStore, optional

    Returns
    -------
    ClassTable
        Nodes of the ``graph`` are the classes and the texts, ``"harmful: TEXT"`` and ``"helpful: TEXT"``; an edge
        leads from the first text of a pair to the second.

    Raises
    ------
    InputError
        If the insights have another shape; it says which.
    """
    given = insights if isinstance(insights, Mapping) else read_json(str(insights))
    source = "the insights" if isinstance(insights, Mapping) else str(insights)
    form = '{"harmful": [[text, other text], ...], "helpful": [...]}'
    if not isinstance(given, Mapping) or not given or not set(given) <= set(INSIGHTS):
        held = f"the keys {', '.join(map(str, list(given)[:3]))}" if isinstance(given, Mapping) else kind_of(given)
        raise InputError(f"{source} holds {held}; expected {form}")
    row_of: dict[str, int] = {}
    edges = []
    for kind, pairs in given.items():
        pair: Any
        for pair in pairs if isinstance(pairs, list | tuple) else [pairs]:
            if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(t, str) for t in pair):
                raise InputError(f"{source}: {kind!r} holds {str(pair)[:40]!r}; expected {form}")
            if not all(map(str.strip, pair)) or pair[0].strip() == pair[1].strip():
                raise InputError(f"{source}: {kind!r} holds {pair}; expected two texts that differ")
            edges.append([row_of.setdefault(f"{kind}: {text.strip()}", len(row_of)) for text in pair])
    if not edges:
        raise InputError(f"{source} holds no pair of texts; expected {form}")
    plain = class_table(labels, encoder, templates=templates, store=store)
    texts = [node.partition(": ")[2] for node in row_of]
    vectors = unit_rows(np.asarray(encode_text(encoder, texts, store), dtype=np.float64))
    if (n := len(given.get("harmful", ()))) > vectors.shape[1] // 4:
        warnings.warn(
            f"{source}: {n:,} harmful insights may take most of the {vectors.shape[1]} directions there are; fewer "
            "leave more of an image (zorse describe -n 2)",
            stacklevel=2,
        )
    nodes = tuple(str(label) for label in labels)
    graph = ClassGraph((*nodes, *row_of), np.concatenate([plain.vectors, vectors]), np.array(edges) + len(nodes))
    return replace(plain, graph=graph)


def _lists(given, source: str) -> dict[str, list[str]]:
    if not isinstance(given, Mapping):
        raise InputError(f"expected {{class: [texts]}}{source}; got {kind_of(given)}")
    for name, texts in given.items():
        if isinstance(texts, str) or not isinstance(texts, Sequence):
            raise InputError(f"{name!r}{source} is {kind_of(texts)}; expected a list of texts")
        if not all(isinstance(text, str) and text.strip() for text in texts):
            raise InputError(f"{name!r}{source} must be a list of texts that are not blank")
    return {str(name): list(texts) for name, texts in given.items()}


def _named(name: str, kinds: list[str]) -> list[str]:
    """The class, then its kinds, each with the class's name in it."""
    told = [kind if same_name(name) in same_name(kind) else f"{spoken(kind)} {name}" for kind in map(spoken, kinds)]
    return list(dict.fromkeys([name, *told]))


def _kinds_in_wordnet(keys: list[str], most: int) -> dict[str, list[str]]:
    try:
        wordnet = WordNet.read()
    except NotAvailableError as error:
        raise NotAvailableError(f"no sub-classes are given, and WordNet has none to offer: {error}") from error
    kinds = {}
    for key in keys:
        senses = wordnet.find(spoken(key))
        # The sense with the most kinds: "crane" is a bird or a machine, and no name says which.
        below = max((wordnet.descendants(s.wnid) for s in senses), key=len, default={})
        nearest = sorted((hops, wnid) for wnid, hops in below.items() if hops > 0)[:most]
        kinds[key] = [wordnet[wnid].names[0].replace("_", " ") for _, wnid in nearest]
    known = [key for key in keys if kinds[key]]
    if not known:
        raise InputError(
            "no sub-classes are given, and WordNet knows no kinds of any label; give them as --descriptions, a JSON "
            "file {class: [kind, ...]}, or let zorse describe --style chils write it"
        )
    warnings.warn(
        f"no sub-classes are given, so that WordNet's kinds of {len(known):,} of {len(keys):,} labels are taken, such "
        f"as {kinds[known[0]][0]} of {known[0]}; others of your own go to --descriptions",
        stacklevel=2,
    )
    return kinds
