"""Groups of images that are copies of each other, or nearly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from zorse.core.errors import InputError
from zorse.core.image import ImageError, open_image
from zorse.nn.search import nearest
from zorse.search.index import ImageIndex
from zorse.search.pictures import read_images
from zorse.search.table import vectors_of

ALIKE = 0.85  # cosine from which two pictures are compared by their pixels
SAME = 0.98  # cosine from which two images are taken for near-duplicates by their vectors alone
PIXELS = 0.95  # correlation of two pictures, 16 x 16 in grey
_SIDE, _FLAT = 16, 2.0
_BLOCK = 2048
_ALL_PAIRS = 20_000  # images; from here on only those that share a cell are compared
_CELLS = 3  # cells an image is put into


@dataclass(frozen=True, slots=True)
class Member:
    """An image of a group: its cosine with the group's first, and whether it is the same file, byte for byte."""

    path: str
    score: float
    copy: bool
    bytes: int | None


def duplicates(
    index: ImageIndex,
    threshold: float | None = None,
    where: str | None = None,
    *,
    pixels: bool = True,
    progress: Callable[[int], None] | None = None,
) -> list[list[Member]]:
    """Groups of near-duplicates, the largest first; in each the largest file first.

    Each image of a group is a near-duplicate of the group's first, not of another that is one. Copies have the same
    content. Of the others the vectors give the candidates, and the pictures decide: an encoder may give two photographs
    of like things nearly the same vector, but resized, compressed or brightened pictures stay alike.

    Parameters
    ----------
    index : ImageIndex
    threshold : float, optional
        Cosine in (0, 1] of a candidate; by default .85, and .98 without ``pixels``.
    where : str, optional
        An SQL condition; only these rows are compared.
    pixels : bool
        Whether to read the candidates' pictures: in grey, 16 x 16, their correlation is at least .95. Flat pictures,
        and those that can't be read, are judged by their vectors, which must agree to .98.
    progress : callable, optional
        Called with the number of pictures read.

    Returns
    -------
    list of list of Member
        Groups of at least two.

    Notes
    -----
    Cost: O(n^2 d) for n distinct images below 20,000, in blocks. From there on O(n^1.5 d): an image is compared with
    those that share one of its three nearest of 4 sqrt(n) pivots, which near-duplicates do but for a few.
    """
    threshold = (ALIKE if pixels else SAME) if threshold is None else threshold
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold is a cosine above 0 and at most 1; got {threshold}")
    found = index.rows(["path", "digest", "bytes", "embedding"], where)
    paths, sizes = found["path"].to_pylist(), found["bytes"].to_pylist()
    digests = np.array(found["digest"].to_pylist(), dtype=str)
    vectors = vectors_of(found)
    # One of each content is compared; its copies go with it.
    _, first, content = np.unique(digests, return_index=True, return_inverse=True)
    vectors = vectors[first]
    left, right = _pairs(vectors, threshold)
    if pixels and len(left):
        kept = _alike([paths[row] for row in first], vectors, left, right, max(threshold, SAME), progress)
        left, right = left[kept], right[kept]
    copies: list[list[int]] = [[] for _ in first]
    for row, at in enumerate(content.tolist()):
        copies[at].append(row)
    near: list[list[int]] = [[] for _ in first]
    for i, j in zip(left.tolist(), right.tolist()):
        near[i].append(j)
        near[j].append(i)
    for rows in copies:
        rows.sort(key=lambda row: paths[row])
    taken = np.zeros(len(first), dtype=bool)
    groups = []
    for lead in sorted(range(len(first)), key=lambda at: (-(sizes[first[at]] or 0), paths[copies[at][0]])):
        if taken[lead]:
            continue
        others = [at for at in near[lead] if not taken[at]]
        taken[[lead, *others]] = True
        if not others and len(copies[lead]) < 2:
            continue
        members = [
            Member(
                paths[row],
                1.0 if at == lead else float(min(1.0, vectors[at] @ vectors[lead])),
                at == lead and row != copies[lead][0],
                sizes[row],
            )
            for at in (lead, *others)
            for row in copies[at]
        ]
        groups.append([members[0], *sorted(members[1:], key=lambda m: (not m.copy, -m.score, m.path))])
    return sorted(groups, key=lambda group: (-len(group), group[0].path))


def _pairs(vectors: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows whose inner product is at least the threshold, each once."""
    n = len(vectors)
    cells: Sequence[np.ndarray] = [np.arange(n)]
    if n > _ALL_PAIRS:
        pivots = np.random.default_rng(0).choice(n, round(4 * math.sqrt(n)), replace=False)
        cell = nearest(vectors, vectors[np.sort(pivots)], _CELLS)[0]
        order = np.argsort(cell.ravel(), kind="stable")
        bounds = np.flatnonzero(np.diff(cell.ravel()[order])) + 1
        cells = [np.sort(rows) for rows in np.split(order // cell.shape[1], bounds)]
    codes = [np.empty(0, np.int64)]
    for rows in cells:
        for a in range(0, len(rows), _BLOCK):
            for b in range(a, len(rows), _BLOCK):
                A, B = rows[a : a + _BLOCK], rows[b : b + _BLOCK]
                i, j = np.nonzero(vectors[A] @ vectors[B].T >= threshold)
                code = A[i].astype(np.int64) * n + B[j]
                codes.append(code[A[i] < B[j]])
    return np.divmod(np.unique(np.concatenate(codes)), max(n, 1))


def _alike(
    paths: Sequence[str],
    vectors: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    same: float,
    progress: Callable[[int], None] | None,
) -> np.ndarray:
    """Which pairs look alike."""
    rows = np.unique(np.concatenate([left, right]))
    drawn = np.zeros((len(rows), _SIDE * _SIDE), np.float32)
    for start in range(0, len(rows), 256):
        part = [paths[row] for row in rows[start : start + 256]]
        contents = read_images(part)
        for at, path in enumerate(part, start):
            if path in contents:
                drawn[at] = _drawn(contents[path])
        if progress is not None:
            progress(min(start + 256, len(rows)))
    i, j = np.searchsorted(rows, left), np.searchsorted(rows, right)
    told = np.asarray(drawn.any(axis=1))
    alike = np.empty(len(left), dtype=bool)
    for s in range(0, len(left), _BLOCK):
        p, q = i[s : s + _BLOCK], j[s : s + _BLOCK]
        correlation = np.einsum("pd,pd->p", drawn[p], drawn[q])
        cosine = np.einsum("pd,pd->p", vectors[rows[p]], vectors[rows[q]])
        alike[s : s + _BLOCK] = np.where(told[p] & told[q], correlation >= PIXELS, cosine >= same)
    return alike


def _drawn(content: bytes) -> np.ndarray:
    """A picture in grey, 16 x 16, centred and of unit length; zero if it is flat or can't be read."""
    from PIL import Image

    try:
        grey = open_image(content, min_size=(_SIDE, _SIDE)).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    except ImageError:
        return np.zeros(_SIDE * _SIDE, np.float32)
    values = np.asarray(grey, dtype=np.float32).ravel()
    values -= values.mean()
    length = float(np.linalg.norm(values))
    return values / length if length > _FLAT * _SIDE else np.zeros_like(values)
