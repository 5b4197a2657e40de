"""Groups of images that are copies of each other, or nearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zorse.core.errors import InputError
from zorse.search.index import ImageIndex
from zorse.search.table import vectors_of

THRESHOLD = 0.98
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Member:
    """An image of a group: its likeness to the group's first, and whether it is the same file, byte for byte."""

    path: str
    score: float
    copy: bool
    bytes: int | None


def duplicates(index: ImageIndex, threshold: float = THRESHOLD, where: str | None = None) -> list[list[Member]]:
    """Groups of near-duplicates, the largest first; in each the largest file first.

    Each image of a group has a cosine of at least ``threshold`` with the group's first; copies have the same content.

    Parameters
    ----------
    index : ImageIndex
    threshold : float
        In (0, 1].
    where : str, optional
        An SQL condition; only these rows are compared.

    Returns
    -------
    list of list of Member
        Groups of at least two.

    Notes
    -----
    Cost: O(n^2 d) for n distinct images, in blocks.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold is a cosine above 0 and at most 1; got {threshold}")
    found = index.rows(["path", "digest", "bytes", "embedding"], where)
    paths, sizes = found["path"].to_pylist(), found["bytes"].to_pylist()
    # A row without a digest is a content of its own.
    digests = np.array([d or f"#{row}" for row, d in enumerate(found["digest"].to_pylist())], dtype=str)
    vectors = vectors_of(found)
    # One of each content is compared; its copies go with it.
    _, first, content = np.unique(digests, return_index=True, return_inverse=True)
    left, right = _pairs(vectors[first], threshold)
    by_content: list[list[int]] = [[] for _ in first]
    for row, at in enumerate(content):
        by_content[at].append(row)
    for copies in by_content:
        copies.sort(key=lambda row: paths[row])
    near: list[list[int]] = [[] for _ in first]
    for i, j in zip(left.tolist(), right.tolist()):
        near[i].append(j)
        near[j].append(i)
    taken = np.zeros(len(first), dtype=bool)
    groups = []
    # The largest file leads, and takes what is near to it; nothing is linked through a third image.
    for lead in sorted(range(len(first)), key=lambda at: (-(sizes[first[at]] or 0), paths[by_content[at][0]])):
        if taken[lead]:
            continue
        others = [at for at in near[lead] if not taken[at]]
        taken[[lead, *others]] = True
        if not others and len(by_content[lead]) < 2:
            continue
        head = vectors[first[lead]]
        members = [
            Member(paths[row], 1.0 if at == lead else float(min(1.0, vectors[row] @ head)), copy, sizes[row])
            for at in (lead, *others)
            for row in by_content[at]
            for copy in (at == lead and row != by_content[lead][0],)
        ]
        groups.append([members[0], *sorted(members[1:], key=lambda m: (not m.copy, -m.score, m.path))])
    return sorted(groups, key=lambda group: (-len(group), group[0].path))


def _pairs(vectors: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows whose inner product is at least the threshold, each once."""
    left, right = [np.empty(0, int)], [np.empty(0, int)]
    for a in range(0, len(vectors), _BLOCK):
        for b in range(a, len(vectors), _BLOCK):
            i, j = np.nonzero(vectors[a : a + _BLOCK] @ vectors[b : b + _BLOCK].T >= threshold)
            kept = (i + a) < (j + b)
            left.append(i[kept] + a)
            right.append(j[kept] + b)
    return np.concatenate(left), np.concatenate(right)
