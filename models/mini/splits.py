"""Which classes the development model never sees, by a rule fixed before anything was trained.

Tiny-ImageNet: of the 40 classes that ``features/tiny160_zsl_mnv1.npz`` lists as unseen, in its order, the first 30 that
are not the same concept as, a kind of, or a generalisation of any class of CIFAR-10, PACS or Caltech-101 ("sports car"
is an automobile, "Yorkshire terrier" a dog). Caltech-101: of the classes that are not related in that way to any class
of Tiny-ImageNet, CIFAR-10 or PACS, nor to another class of Caltech-101, in alphabetical order, 15 at even distances.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from prepare import SOURCES
from wordnet import ancestors, read_nouns, senses

# Caltech's folder names that are not what anybody would say, and classes that are one concept under two names.
SPOKEN = {
    "binocular": "binoculars",
    "car side": "car",
    "cougar body": "cougar",
    "crocodile head": "crocodile",
    "flamingo head": "flamingo",
    "wild cat": "wildcat",
}
# Where the likeliest sense of a name is not the one in the pictures: another name of it, or the number of the sense.
MEANT = {
    "barrel": "cask",
    "bass": "freshwater bass",
    "buddha": "statue",
    "dalmatian": "coach dog",
    "dolphin": "bottlenose dolphin",
    "hedgehog": "erinaceus europaeus",
    "inline skate": "in-line skate",
    "lobster": "american lobster",
    "lotus": "indian lotus",
    "motorbike": "motorcycle",
    "nautilus": "chambered nautilus",
    "panda": "giant panda",
    "pyramid": "great pyramid",
    "schooner": "schooner#2",
    "sea horse": "sea horse#2",
    "starfish": "sea star",
    "stop sign": "street sign",
    "wildcat": "wildcat#3",
    "yin yang": "symbol",
}


@dataclass
class Classes:
    """Every class of the four sources, numbered through; ``source`` (c,) says whose, ``synsets`` (c,) what it is."""

    names: list[str]
    source: np.ndarray
    synsets: np.ndarray
    unseen: np.ndarray

    def of(self, source: str, unseen: bool | None = None) -> np.ndarray:
        """Numbers of a source's classes; of the held-out or the trained ones only, if ``unseen`` is given."""
        keep = self.source == SOURCES.index(source)
        return np.flatnonzero(keep if unseen is None else keep & (self.unseen == unseen))


def meant(table: dict[str, list[tuple[int, float]]], name: str) -> int:
    """The synset of a class name without a WordNet id."""
    lemma, _, number = MEANT.get(name, name).partition("#")
    return table[lemma][int(number) - 1][0] if number else max(table[lemma], key=lambda sense: sense[1])[0]


def read_classes(pack: Path, cache: Path, wordnet: Path) -> Classes:
    """All classes with their synsets, and which of them are held out during development."""
    synsets = read_nouns(wordnet)
    table = senses(wordnet, synsets)
    names, source, ids = [], [], []
    for number, name in enumerate(SOURCES):
        meta = np.load(cache / f"{name}-meta.npz")
        for label, wnid in zip(meta["names"], meta["wnids"], strict=True):
            spoken = SPOKEN.get(str(label), str(label))
            names.append(spoken)
            source.append(number)
            ids.append(int(str(wnid)[1:]) if wnid else meant(table, spoken))
    source, ids = np.array(source), np.array(ids)
    lines = [{id, *ancestors(synsets, id)} for id in ids.tolist()]

    def related(a: int, b: int) -> bool:
        return a != b and (int(ids[a]) in lines[b] or int(ids[b]) in lines[a])

    unseen = np.zeros(len(names), bool)
    zsl = np.load(pack / "features" / "tiny160_zsl_mnv1.npz")
    first = [names.index(str(name)) for name in zsl["class_names"][zsl["unseen_idx"]]]
    others = np.flatnonzero(source != 0).tolist()
    unseen[[c for c in first if not any(related(c, other) for other in others)][:30]] = True
    caltech = sorted(np.flatnonzero(source == 1).tolist(), key=lambda c: names[c])
    free = [c for c in caltech if not any(related(c, other) for other in range(len(names)))]
    unseen[[free[i * len(free) // 15] for i in range(15)]] = True
    return Classes(names, source, ids, unseen)
