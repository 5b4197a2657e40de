"""Read WordNet's noun files: synsets, their names, glosses, hypernyms, and the likeliest sense of a name."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

# How likely a bare name, put to a recogniser of photographs, means a sense of a lexicographer file; 0.5 for the rest.
VISIBLE = {5: 8.0, 6: 5.0, 8: 3.0, 13: 4.0, 17: 3.0, 18: 1.5, 20: 4.0}


@dataclass
class Synset:
    """One noun sense: ``id`` is its offset, ``names`` as written, in WordNet's order, ``parents`` hypernym ids."""

    id: int
    lexfile: int
    names: list[str]
    counts: list[int]
    gloss: str
    parents: list[int]
    instance: bool
    depth: int = field(default=-1)


def read_nouns(folder: Path) -> dict[int, Synset]:
    """All noun synsets of the WordNet 3.0 data files in ``folder``, keyed by offset."""
    counts = {}
    for line in (folder / "cntlist.rev").read_text().splitlines():
        key, _, count = line.split()
        counts[key] = int(count)
    synsets = {}
    for line in (folder / "data.noun").read_text().splitlines():
        if line.startswith(" "):
            continue
        data, gloss = line.split(" | ", 1)
        part = data.split()
        n_words = int(part[3], 16)
        words = part[4 : 4 + 2 * n_words]
        rest = part[4 + 2 * n_words + 1 :]
        pointers = [(rest[i], int(rest[i + 1]), rest[i + 2]) for i in range(0, 4 * int(part[4 + 2 * n_words]), 4)]
        keys = [f"{w.lower()}%1:{part[1]}:{int(i, 16):02d}::" for w, i in zip(words[::2], words[1::2], strict=True)]
        synsets[int(part[0])] = Synset(
            id=int(part[0]),
            lexfile=int(part[1]),
            names=[word.replace("_", " ") for word in words[::2]],
            counts=[counts.get(key, 0) for key in keys],
            gloss=gloss.split('; "')[0].strip(),
            parents=[target for kind, target, pos in pointers if kind in ("@", "@i") and pos == "n"],
            instance=any(kind == "@i" for kind, _, _ in pointers),
        )
    return synsets


def ancestors(synsets: dict[int, Synset], id: int) -> list[int]:
    """Hypernyms of a synset, nearest first, each once, the synset itself not included."""
    seen, frontier = [], [id]
    while frontier:
        frontier = [p for child in frontier for p in synsets[child].parents]
        frontier = [p for p in dict.fromkeys(frontier) if p not in seen]
        seen.extend(frontier)
    return seen


def chain(synsets: dict[int, Synset], id: int) -> list[int]:
    """The first-hypernym path from a synset to the root, nearest first."""
    path = []
    while synsets[id].parents:
        id = synsets[id].parents[0]
        path.append(id)
    return path


def senses(folder: Path, synsets: dict[int, Synset]) -> dict[str, list[tuple[int, float]]]:
    """Lower-case name -> ``[(synset, weight)]``, weights summing to one.

    The weight follows the tagged counts and WordNet's sense order, and prefers senses a photograph can show: a
    ``crane`` is a bird or a machine, never the writer of that name.
    """
    table: dict[str, list[tuple[int, float]]] = {}
    for line in (folder / "index.noun").read_text().splitlines():
        if line.startswith(" "):
            continue
        part = line.split()
        name = part[0].replace("_", " ")
        n_pointers = int(part[3])
        offsets = [int(x) for x in part[6 + n_pointers :]]
        scores = []
        for order, offset in enumerate(offsets):
            synset = synsets[offset]
            count = next((c for n, c in zip(synset.names, synset.counts, strict=True) if n.lower() == name), 0)
            prior = 0.05 if synset.instance else VISIBLE.get(synset.lexfile, 0.5)
            scores.append((prior * ((1 + count) / (1 + order)) ** 0.5) ** 2)
        total = math.fsum(scores)
        table[name] = [(offset, score / total) for offset, score in zip(offsets, scores, strict=True)]
    return table


def plural(name: str) -> str:
    """The regular English plural of a name's last word."""
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return name + "es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return name[:-1] + "ies"
    return name + "s"


def index_children(synsets: dict[int, Synset]) -> dict[int, list[int]]:
    """Synset -> its direct hyponyms."""
    children: dict[int, list[int]] = defaultdict(list)
    for synset in synsets.values():
        for parent in synset.parents:
            children[parent].append(synset.id)
    return children
