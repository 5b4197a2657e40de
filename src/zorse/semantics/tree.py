"""A tree over labels: how an answer can be less precise, and right."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.errors import InputError
from zorse.semantics.files import kind_of, read_json
from zorse.semantics.labels import same_name
from zorse.semantics.wordnet import WordNet

ROOT = "anything"


@dataclass(frozen=True, eq=False)
class LabelTree:
    """Labels and what they are kinds of; a node stands for the labels below it.

    Attributes
    ----------
    labels : tuple of c str
    nodes : tuple of m str
        Smallest first: the labels themselves in their order, then what is above them, the root last.
    members : ndarray of shape (m, c), bool
        Which labels each node stands for. No two nodes stand for the same; of a chain the lowest name is kept.
    """

    labels: tuple[str, ...]
    nodes: tuple[str, ...]
    members: np.ndarray

    @classmethod
    def of(cls, labels: Sequence[str], parents: Mapping[str, Sequence[str]], names: Mapping[str, str] | None = None):
        """The tree of ``parents``: what each node is a kind of; a label is the node of its name.

        Raises
        ------
        InputError
            If something is above itself.
        """
        below: dict[str, set[int]] = {}
        for row, label in enumerate(labels):
            todo, seen = [label], set[str]()
            while todo:
                node = todo.pop()
                if node not in seen:
                    seen.add(node)
                    below.setdefault(node, set()).add(row)
                    todo += parents.get(node, ())
        for node in below:
            if _is_above_itself(node, parents):
                raise InputError(f"{node!r} is above itself in the tree")
        sets = {frozenset([row]): label for row, label in enumerate(labels)}
        # Of nodes that stand for the same labels the lowest comes first: all others are above it.
        for node, found in sorted(below.items(), key=lambda pair: (len(pair[1]), -_height(pair[0], parents))):
            sets.setdefault(frozenset(found), (names or {}).get(node, node))
        everything = frozenset(range(len(labels)))
        sets.setdefault(everything, ROOT)
        ordered = sorted(sets, key=lambda rows: (len(rows), min(rows)))
        members = np.zeros((len(ordered), len(labels)), dtype=bool)
        for i, rows in enumerate(ordered):
            members[i, sorted(rows)] = True
        return cls(tuple(labels), tuple(sets[rows] for rows in ordered), members)

    def probabilities(self, p: np.ndarray) -> np.ndarray:
        """Of labels (..., c) -> of nodes (..., m): the sum over the labels that a node stands for."""
        return p @ self.members.T

    def deepest(self, p: np.ndarray, sure: float) -> int:
        """The smallest node that is at least ``sure`` probable under ``p`` (c,); the likeliest of equal size."""
        of_node = self.probabilities(p)
        fit = np.flatnonzero(of_node >= min(sure, of_node[-1]) - 1e-12)
        sizes = self.members[fit].sum(axis=1)
        return int(fit[np.lexsort((-of_node[fit], sizes))[0]])

    def covering(self, inside: np.ndarray) -> int:
        """The smallest node that stands for every label of a set (c,), bool."""
        fit = np.flatnonzero(self.members[:, inside].all(axis=1))
        return int(fit[0])

    def branch(self, row: int) -> list[int]:
        """The nodes from the root down to a label."""
        return np.flatnonzero(self.members[:, row])[::-1].tolist()


def read_tree(source: str | Path | Mapping[str, Any], labels: Sequence[str]) -> LabelTree:
    """The tree of some labels.

    Parameters
    ----------
    source : "wordnet", path, or mapping
        ``{"animal": {"feline": ["cat", "lion"], "dog": {}}, ...}``, nested as deep as wanted, in a JSON file or as
        it is; names match labels whatever their case and underscores, and a label may stand at any depth. What is no
        label and has none below it is left out. "wordnet" takes each label in its commonest sense.
    labels : sequence of str

    Raises
    ------
    InputError
        If the file is of another shape, or a label is nowhere in it; both are named.
    NotAvailableError
        If WordNet is not installed.
    """
    if isinstance(source, str) and source.lower() == "wordnet":
        return _from_wordnet(labels)
    told = "the tree" if isinstance(source, Mapping) else str(source)
    value = source if isinstance(source, Mapping) else read_json(source)
    if not isinstance(value, Mapping) or not value:
        raise InputError(f"{told} holds {kind_of(value)}; expected a nested object such as {{animal: [cat, dog]}}")
    by_name = {same_name(label): label for label in labels}
    parents: dict[str, list[str]] = {}
    seen: set[str] = set()

    def walk(node: Any, above: str | None) -> None:
        children = node.items() if isinstance(node, Mapping) else [(name, None) for name in node]
        for name, below in children:
            if not isinstance(name, str) or not name.strip():
                raise InputError(f"{told}: {above!r} holds {kind_of(name)}; expected names")
            key = by_name.get(same_name(name), name.strip())
            seen.add(key)
            if above is not None:
                parents.setdefault(key, []).append(above)
            if isinstance(below, Mapping | list):
                walk(below, key)
            elif below is not None:
                raise InputError(f"{told}: {name!r} is {kind_of(below)}; expected an object or a list of names")

    try:
        walk(value, None)
    except RecursionError as error:
        raise InputError(f"{told} is nested too deeply") from error
    missing = [label for label in labels if label not in seen]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise InputError(f"{told} has no place for the label {missing[0]!r}{more}; every label needs one")
    return LabelTree.of(labels, parents)


def _from_wordnet(labels: Sequence[str]) -> LabelTree:
    wordnet = WordNet.read()
    parents: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    missing = []
    for label in labels:
        senses = wordnet.find(label)
        if not senses:
            missing.append(label)
            continue
        wnid = senses[0].wnid
        parents[label] = [wnid]
        for node in [wnid, *wordnet.ancestors(wnid)]:
            names[node] = wordnet[node].names[0]
            parents[node] = list(wordnet[node].hypernyms)
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        warnings.warn(
            f"not in WordNet, so right below the root: {', '.join(missing[:5])}{more}; --tree FILE places them",
            stacklevel=3,
        )
    return LabelTree.of(labels, parents, names)


def _is_above_itself(node: str, parents: Mapping[str, Sequence[str]]) -> bool:
    todo, seen = list(parents.get(node, ())), set()
    while todo:
        one = todo.pop()
        if one == node:
            return True
        if one not in seen:
            seen.add(one)
            todo += parents.get(one, ())
    return False


def _height(node: str, parents: Mapping[str, Sequence[str]]) -> int:
    """How many nodes are above, each counted once."""
    todo, seen = list(parents.get(node, ())), set()
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo += parents.get(one, ())
    return len(seen)
