"""Zero-shot tasks small enough for unit tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.utils import check_random_state

from zorse.core.classes import ClassTable
from zorse.core.graph import ClassGraph
from zorse.data.task import TagTask, ZeroShotTask


def toy_zsl(
    *,
    n_seen: int = 8,
    n_unseen: int = 3,
    n_per_class: int = 12,
    dim: int = 16,
    n_semantics: int = 6,
    noise: float = 0.15,
    aligned: bool = False,
    random_state: int | np.random.RandomState | None = 0,
) -> ZeroShotTask:
    """Features that are one linear image of the class vectors, plus noise.

    Parameters
    ----------
    n_seen, n_unseen : int
        Number of classes.
    n_per_class : int
        Samples a class; of a seen class every fourth is held out.
    dim, n_semantics : int
        Length of a feature and of a class vector.
    noise : float
        Standard deviation added to each feature, where class vectors have unit length.
    aligned : bool
        True: the image is the identity, so that features and class vectors share one space of ``dim`` dimensions,
        and every class has one to four prompts there.
    random_state : int, RandomState or None

    Returns
    -------
    ZeroShotTask
        Labels are strings in an order unrelated to seen and unseen. The graph of the table joins the classes that
        have their largest entry in one place to a node that stands for their kind.
    """
    rng = check_random_state(random_state)
    c = n_seen + n_unseen
    vectors = rng.randn(c, dim if aligned else n_semantics)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    image = np.eye(dim) if aligned else rng.randn(n_semantics, dim) / n_semantics**0.5
    labels = np.array([f"class{i:02d}" for i in rng.permutation(c)])
    rows = np.repeat(np.arange(c), n_per_class)
    X = vectors[rows] @ image + noise * rng.randn(len(rows), dim)
    at = np.arange(len(rows))
    seen, held_out = rows < n_seen, at % n_per_class % 4 == 0
    # A ragged number of prompts a class, each near the class vector; drawn last, so that the rest stays as it is.
    prompts = [v + noise * rng.randn(1 + i % 4, dim) for i, v in enumerate(vectors)] if aligned else None
    told = None if prompts is None else tuple(prompts)
    table = ClassTable(labels, vectors, tuple(labels), told, graph=_graph_of_kinds(labels, vectors))
    return ZeroShotTask(
        X,
        labels[rows],
        table,
        at[seen & ~held_out],
        at[seen & held_out],
        at[~seen],
        "toy, aligned" if aligned else "toy",
    )


def _graph_of_kinds(labels: np.ndarray, vectors: np.ndarray) -> ClassGraph:
    kinds, kind = np.unique(vectors.argmax(axis=1), return_inverse=True)
    means = np.stack([vectors[kind == i].mean(axis=0) for i in range(len(kinds))])
    c = len(labels)
    edges = np.stack([c + kind, np.arange(c)], axis=1)
    return ClassGraph((*map(str, labels), *(f"kind {i}" for i in kinds)), np.concatenate([vectors, means]), edges)


def toy_patches(
    *, grid: int = 4, noise: float = 0.15, random_state: int | np.random.RandomState | None = 0, **of_toy_zsl
) -> tuple[ZeroShotTask, np.ndarray]:
    """Grids of patches, of which one square of 2 x 2 shows the class and the others a background that says nothing.

    Parameters
    ----------
    grid : int
        Patches a side, at least 2.
    noise : float
        Standard deviation added to each feature of the class, and again to each feature of each patch.
    random_state : int, RandomState or None
    **of_toy_zsl
        Everything else is as of :func:`toy_zsl`, whose feature of a sample its square shows.

    Returns
    -------
    task : ZeroShotTask
        X is float32 of shape (n, grid, grid, dim).
    evidence : ndarray of int, shape (n, grid, grid)
        Row of the class table that a patch shows, -1 for background.
    """
    rng = check_random_state(random_state)
    task = toy_zsl(noise=noise, random_state=rng, **of_toy_zsl)
    X, evidence = _background(task.X, grid, rng), np.full((len(task.X), grid, grid), -1)
    rows, corners = task.classes.rows(task.y), rng.randint(grid - 1, size=(len(X), 2))
    for i, (top, left) in enumerate(corners):
        X[i, top : top + 2, left : left + 2] = task.X[i]
        evidence[i, top : top + 2, left : left + 2] = rows[i]
    X = (X + noise * rng.randn(*X.shape)).astype(np.float32)
    return replace(task, X=X, name=f"{task.name}, patches"), evidence


def toy_tags(
    *,
    n_samples: int = 140,
    n_seen: int = 12,
    grid: int = 4,
    noise: float = 0.15,
    random_state: int | np.random.RandomState | None = 0,
    **of_toy_zsl,
) -> tuple[TagTask, np.ndarray]:
    """As :func:`toy_patches`, with one to three tags a sample, each shown by two patches of its own quarter.

    Returns
    -------
    task : TagTask
        X is float32 of shape (n_samples, grid, grid, dim), ``grid`` even and at least 4; the last quarter is held out.
        Training samples show unseen tags as well, which nobody told.
    evidence : ndarray of int, shape (n_samples, grid, grid)
        Row of the class table that a patch shows, -1 for background.
    """
    rng = check_random_state(random_state)
    task = toy_zsl(n_seen=n_seen, noise=noise, random_state=rng, **of_toy_zsl)
    c, half, rows = task.classes.n_classes, grid // 2, task.classes.rows(task.y)
    X = _background(task.X, grid, rng, n_samples)
    Y, evidence = np.zeros((n_samples, c), dtype=bool), np.full((n_samples, grid, grid), -1)
    for i in range(n_samples):
        tags = rng.permutation(c)[: rng.randint(1, 4)]
        Y[i, tags] = True
        for tag, quarter in zip(tags, rng.permutation(4), strict=False):
            row, left = quarter // 2 * half + rng.randint(half), quarter % 2 * half
            X[i, row, left : left + 2] = task.X[rng.choice(np.flatnonzero(rows == tag))]
            evidence[i, row, left : left + 2] = tag
    X = (X + noise * rng.randn(*X.shape)).astype(np.float32)
    train, test = np.split(np.arange(n_samples), [n_samples * 3 // 4])
    return TagTask(X, Y, task.classes, task.seen, train, test, "toy tags"), evidence


def _background(X: np.ndarray, grid: int, rng: np.random.RandomState, n: int | None = None) -> np.ndarray:
    """Grids (n, grid, grid, d), every patch one of three directions that no class has, as long as the rows of X."""
    kinds = rng.randn(3, X.shape[1])
    kinds *= np.linalg.norm(X, axis=1).mean() / np.linalg.norm(kinds, axis=1, keepdims=True)
    return kinds[rng.randint(3, size=(len(X) if n is None else n, grid, grid))]
