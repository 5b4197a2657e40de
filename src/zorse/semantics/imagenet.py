"""Large label spaces: the unseen classes of ImageNet, by distance from the training classes and by population."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from zorse.core.errors import InputError
from zorse.nn.hierarchy import Hierarchy
from zorse.semantics.files import kind_of, read_json, read_lines
from zorse.semantics.wordnet import WordNet

# What the field calls h hops is h - 1 edges: the published list of 2-hop classes holds parents and children alone.
EDGES = {"2-hop": 1, "3-hop": 2}


def imagenet_label_sets(
    hierarchy: WordNet | Mapping[str, Iterable[str]],
    training: Iterable[str],
    candidates: Iterable[str] | None = None,
    counts: Mapping[str, int] | None = None,
    sizes: Iterable[int] = (500, 1000, 5000),
) -> dict[str, list[str]]:
    """The label sets of zero-shot evaluation on ImageNet, none of which holds a training class.

    Parameters
    ----------
    hierarchy : WordNet or mapping of id to ids
        Where distances are measured: WordNet, or another tree as its nodes' parents.
    training : iterable of str
        Ids of the classes that were trained on, such as ImageNet-1k's.
    candidates : iterable of str, optional
        The classes that have images, such as ImageNet-21k's. Without them, every node of the hierarchy is one.
    counts : mapping of str to int, optional
        Images of each candidate; asks for the most and least populated sets.
    sizes : iterable of int, default=(500, 1000, 5000)
        How many classes these hold.

    Returns
    -------
    dict of str to list of str
        "2-hop", "3-hop", "all" in the order of the candidates; with ``counts`` also "most-500", "least-500" and so on,
        sorted by population, ties by id. A class without images is in none of these.

    Raises
    ------
    InputError
        If an id is not in the hierarchy, a candidate has no count, or there are fewer classes than a size asks for.

    Notes
    -----
    Hops are counted as the published lists count them, in nodes: "2-hop" classes are one edge away from a training
    class (its parents and children), "3-hop" classes at most two. WordNet 3.0, ImageNet-1k and ImageNet-21k give
    1,548, 5,990 and 20,842 classes; the lists that are passed around have 1,549, 7,860 and 20,842. Their 3-hop list
    follows ImageNet's own tree, in which about a quarter of its classes hang closer to a training class than in
    WordNet; pass that tree's parents as ``hierarchy`` where the same list is wanted.

    References
    ----------
    Frome et al., "DeViSE: A deep visual-semantic embedding model", NIPS 2013, for the hops; Xian et al., "Zero-shot
    learning - a comprehensive evaluation of the good, the bad and the ugly", TPAMI 2018, for the populated sets.
    """
    if isinstance(hierarchy, WordNet):
        hierarchy = {wnid: synset.hypernyms for wnid, synset in hierarchy.items()}
    tree, training = Hierarchy(hierarchy), list(training)
    if not training:
        raise InputError("no training classes; distances are measured from them")
    trained = set(training)
    unseen = [wnid for wnid in dict.fromkeys(tree.nodes if candidates is None else candidates) if wnid not in trained]
    edges = tree.from_nearest(training)[tree.rows(unseen)]
    sets = {name: [unseen[i] for i in (edges <= limit).nonzero()[0]] for name, limit in EDGES.items()}
    sets["all"] = unseen
    if counts is not None:
        sets |= _by_population(unseen, counts, sizes)
    return sets


def _by_population(unseen: list[str], counts: Mapping[str, int], sizes: Iterable[int]) -> dict[str, list[str]]:
    unknown = [wnid for wnid in unseen if wnid not in counts]
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise InputError(f"no count of images for {', '.join(unknown[:5])}{more}")
    populated = [wnid for wnid in unseen if counts[wnid] > 0]
    most = sorted(populated, key=lambda wnid: (-counts[wnid], wnid))
    least = sorted(populated, key=lambda wnid: (counts[wnid], wnid))
    sets = {}
    for size in sizes:
        if not 1 <= size <= len(populated):
            raise InputError(f"asked for the {size} most populated of {len(populated)} unseen classes with images")
        sets[f"most-{size}"], sets[f"least-{size}"] = most[:size], least[:size]
    return sets


def read_wnids(path: str | Path) -> list[str]:
    """Ids from a file with one a line; what follows an id on its line, such as its names, is skipped.

    Raises
    ------
    InputError
        If the file can't be read, or a line does not begin with "n" and eight digits.
    """
    return [wnid for wnid, _ in _rows(path)]


def read_counts(path: str | Path) -> dict[str, int]:
    """Images of each class: a JSON object if the file's name ends in ``.json``, else lines of an id and a number.

    Raises
    ------
    InputError
        If the file can't be read, or an entry is not an id with a whole number from 0.
    """
    if Path(path).suffix.lower() == ".json":
        value = read_json(path)
        if not isinstance(value, dict):
            raise InputError(f"{path} holds {kind_of(value)}; expected an object of ids and numbers")
        entries = list(value.items())
    else:
        entries = _rows(path)
    counts = {}
    for wnid, number in entries:
        try:
            counts[wnid] = int(number)
        except (TypeError, ValueError):
            counts[wnid] = -1
        if counts[wnid] < 0 or isinstance(number, float | bool):
            raise InputError(f"{path} gives {wnid} the count {number!r}; expected a whole number from 0")
    return counts


def _rows(path: str | Path) -> list[tuple[str, str]]:
    rows = []
    for number, line in read_lines(path):
        wnid, _, rest = line.replace(",", " ", 1).replace("\t", " ").partition(" ")
        if not (len(wnid) == 9 and wnid[0] == "n" and wnid[1:].isdecimal()):
            raise InputError(f"{path}, line {number}: expected an id such as n02084071; got {line[:40]!r}")
        rows.append((wnid, rest.strip()))
    return rows
