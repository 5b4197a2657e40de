"""WordNet's nouns: ids, names, glosses, and what is a kind of what."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zorse.core.errors import InputError, NotAvailableError
from zorse.semantics.files import read_text

# WordNet's own variable first, then where Debian and Princeton's installer put the files.
FOLDERS = ("/usr/share/wordnet", "/usr/local/WordNet-3.0/dict")


@dataclass(frozen=True, slots=True)
class Synset:
    """One noun sense.

    Attributes
    ----------
    wnid : str
        "n" and eight digits, as ImageNet names it.
    names : tuple of str
        Synonyms with spaces, WordNet's first choice first.
    gloss : str
        Definition and examples, as printed.
    hypernyms : tuple of str
        Ids of what it is a kind or an instance of.
    hyponyms : tuple of str
        Ids of its kinds and instances.
    """

    wnid: str
    names: tuple[str, ...]
    gloss: str
    hypernyms: tuple[str, ...]
    hyponyms: tuple[str, ...]

    @property
    def definition(self) -> str:
        """The gloss without its examples."""
        return re.split(r'; "', self.gloss, maxsplit=1)[0]


class WordNet(Mapping[str, Synset]):
    """Noun synsets by id: ``wordnet["n02084071"].names`` is ``("dog", "domestic dog", "Canis familiaris")``.

    Parameters
    ----------
    synsets : iterable of Synset
    senses : mapping of str to tuple of str
        Ids of every name (lower case, with spaces), the commonest sense first.
    """

    def __init__(self, synsets: Iterable[Synset], senses: Mapping[str, tuple[str, ...]]):
        self._synsets = {synset.wnid: synset for synset in synsets}
        self._senses = senses

    @classmethod
    def read(cls, folder: str | Path | None = None) -> WordNet:
        """Read ``data.noun`` and ``index.noun`` of WordNet 3.0, in about a second.

        Parameters
        ----------
        folder : path, optional
            Where they lie. Without it, the folder in the environment variable ``WNSEARCHDIR`` (WordNet's own), else
            where Debian's package and Princeton's installer put them.

        Raises
        ------
        NotAvailableError
            If WordNet is not there; the message says how to install it.
        InputError
            If a file is damaged, or of another release, whose ids are not ImageNet's.
        """
        folder = _found(folder)
        synsets = _read_data(folder / "data.noun")
        return cls(synsets, _read_index(folder / "index.noun", {synset.wnid for synset in synsets}))

    def __getitem__(self, wnid: str) -> Synset:
        return self._synsets[wnid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._synsets)

    def __len__(self) -> int:
        return len(self._synsets)

    def find(self, name: str) -> tuple[Synset, ...]:
        """Every sense of a name, the commonest first; empty if it has none. Case and underscores do not matter."""
        return tuple(self[wnid] for wnid in self._senses.get(_plain(name), ()))

    def ancestors(self, wnid: str) -> dict[str, int]:
        """Everything that a synset is a kind of, nearest first, with the fewest steps up to it."""
        return self._reached([wnid], None, up=True, down=False)

    def descendants(self, wnid: str) -> dict[str, int]:
        """All kinds of a synset, nearest first, with the fewest steps down to them."""
        return self._reached([wnid], None, up=False, down=True)

    def within(self, wnids: Iterable[str], hops: int) -> dict[str, int]:
        """Synsets at most ``hops`` steps, up or down, from the nearest of ``wnids`` (those left out), nearest first."""
        return self._reached(list(wnids), hops, up=True, down=True)

    def distance(self, one: str, other: str) -> int:
        """Fewest steps from one synset up to a common ancestor and down to the other.

        Raises
        ------
        InputError
            If an id is unknown.
        """
        from_one, from_other = ({wnid: 0} | self.ancestors(wnid) for wnid in (one, other))
        # Every noun is an entity, so that there is a common ancestor in a whole WordNet.
        common = [hops + from_other[node] for node, hops in from_one.items() if node in from_other]
        if not common:
            raise InputError(f"{one} and {other} have no common ancestor")
        return min(common)

    def parents(self, wnids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """``ClassTable.parents`` of classes that are labelled by their ids: they and all their ancestors."""
        wnids = list(wnids)
        above = self._reached(wnids, None, up=True, down=False)
        return {wnid: self[wnid].hypernyms for wnid in dict.fromkeys([*wnids, *above])}

    def check(self, wnids: Iterable[str]) -> list[str]:
        """The ids as a list.

        Raises
        ------
        InputError
            If one is unknown; the first few are named.
        """
        wnids = list(wnids)
        unknown = [str(wnid) for wnid in wnids if wnid not in self._synsets]
        if unknown:
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise InputError(
                f"not in WordNet: {', '.join(unknown[:5])}{more}; ids look like n02084071 and are those of release 3.0"
            )
        return wnids

    def _reached(self, wnids: list[str], hops: int | None, up: bool, down: bool) -> dict[str, int]:
        found = dict.fromkeys(self.check(wnids), 0)
        frontier, step = list(found), 0
        while frontier and step != hops:
            step += 1
            nearby: dict[str, int] = {}
            for wnid in frontier:
                synset = self[wnid]
                nearby |= dict.fromkeys((synset.hypernyms if up else ()) + (synset.hyponyms if down else ()), step)
            frontier = [wnid for wnid in nearby if wnid not in found]
            found |= dict.fromkeys(frontier, step)
        return {wnid: step for wnid, step in found.items() if step}


def _found(folder: str | Path | None) -> Path:
    asked = folder or os.environ.get("WNSEARCHDIR")
    places = [Path(place) for place in ([asked] if asked else FOLDERS)]
    for place in places:
        if (place / "data.noun").is_file() and (place / "index.noun").is_file():
            return place
    raise NotAvailableError(
        f"WordNet 3.0 (data.noun and index.noun) is not at {' or '.join(map(str, places))}; install it (Debian, "
        "Ubuntu: apt install wordnet-base; others: WordNet-3.0.tar.gz from wordnet.princeton.edu) or name its folder "
        "in WNSEARCHDIR"
    )


def _read_data(path: Path) -> list[Synset]:
    rows: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {}
    below: dict[str, list[str]] = {}
    for number, line in _lines(path):
        data, _, gloss = line.partition(" | ")
        part = data.split()
        try:
            end = 4 + 2 * int(part[3], 16)  # words with their lexical ids, then the number of pointers
            names, n_pointers = part[4:end:2], int(part[end])
            pointers = [part[at : at + 3] for at in range(end + 1, end + 1 + 4 * n_pointers, 4)]
            up = tuple(f"n{target}" for kind, target, pos in pointers if kind in ("@", "@i") and pos == "n")
        except (IndexError, ValueError) as error:
            raise InputError(f"{path}, line {number} is no WordNet synset: {line[:60]!r}") from error
        wnid = f"n{part[0]}"
        rows[wnid] = tuple(name.replace("_", " ") for name in names), gloss.strip(), up
        for parent in up:
            below.setdefault(parent, []).append(wnid)
    missing = below.keys() - rows.keys()
    if missing:
        raise InputError(f"{path} is cut short: {min(missing)} is a hypernym, but not there")
    return [Synset(wnid, *row, tuple(below.get(wnid, ()))) for wnid, row in rows.items()]


def _read_index(path: Path, known: set[str]) -> dict[str, tuple[str, ...]]:
    senses = {}
    for number, line in _lines(path):
        part = line.split()
        try:
            wnids = tuple(f"n{offset}" for offset in part[6 + int(part[3]) :])
            complete = len(wnids) == int(part[2]) > 0
        except (IndexError, ValueError) as error:
            raise InputError(f"{path}, line {number} is no WordNet index entry: {line[:60]!r}") from error
        if not complete or not known.issuperset(wnids):
            raise InputError(f"{path}, line {number} does not belong to the data.noun beside it: {line[:60]!r}")
        senses[_plain(part[0])] = wnids
    return senses


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.startswith("  "):  # the licence, which names the release
            release = re.search(r"WordNet (\d\.\d+)", line)
            if release and release[1] != "3.0":
                raise InputError(f"{path} is of WordNet {release[1]}; ImageNet's ids are those of WordNet 3.0")
        elif line:
            yield number, line


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())
