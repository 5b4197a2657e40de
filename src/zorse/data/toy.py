"""A zero-shot task small enough for unit tests."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from zorse.core.classes import ClassTable
from zorse.core.graph import ClassGraph
from zorse.data.task import ZeroShotTask


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
