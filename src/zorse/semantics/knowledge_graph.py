"""Class vectors from knowledge graphs, encoded so that classifiers of the seen classes can be told from them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core.classes import ClassTable
from zorse.core.device import resolve_device
from zorse.core.errors import InputError
from zorse.core.graph import ClassGraph
from zorse.core.random import seeded
from zorse.nn.graph import adjacency, convolve, symmetric, to_tensor
from zorse.nn.vectors import unit_rows
from zorse.training import Clock, Turn, softmax_regression, train


def attribute_view(table: ClassTable, above: float | None = None) -> ClassGraph:
    """Classes joined to their attributes: those whose entry in ``table.vectors`` exceeds ``above``.

    By default ``above`` is the mean of the attribute over classes. A class node carries its vector, an attribute node
    the mean vector of the classes that have it, so that two attributes are alike if the same classes have them.
    """
    A = table.vectors
    has = above < A if above is not None else A.mean(axis=0) < A
    rows, columns = np.nonzero(has)
    counts = has.sum(axis=0)
    means = has.T.astype(float) @ A / np.maximum(counts, 1)[:, None]
    names = (*map(str, table.labels), *(f"attribute {j}" for j in range(A.shape[1])))
    edges = np.stack([table.n_classes + columns, rows], axis=1)
    return ClassGraph(names, np.concatenate([A, means]), edges)


def knowledge_graph_embedding(
    X,
    y,
    classes: ClassTable,
    views: Sequence[ClassGraph] | None = None,
    *,
    hidden: int = 512,
    dim: int = 128,
    C: float = 1.0,
    epochs: int = 300,
    lr: float = 1e-3,
    weight_decay: float = 5e-4,
    random_state: int | np.random.RandomState | None = None,
    device: str = "auto",
) -> np.ndarray:
    r"""Encode each view of the classes by a two-layer graph convolution and put the codes side by side.

    In a view with links A and S = D^-1/2 (A + I) D^-1/2, a layer is H' = ReLU(S H W). The code of a node is what the
    second layer gives; a linear map of it is fitted to the unit weights and intercept of the linear classifier of each
    seen class, by least squares, so that codes of unseen classes follow from the graph.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features of the seen classes.
    y : array-like of shape (n,)
    classes : ClassTable
        Seen and unseen classes.
    views : sequence of ClassGraph, optional
        Graphs that hold every class as a node. Default: the table's own graph, and :func:`attribute_view`.
    hidden : int
        Width of the first layer.
    dim : int
        Length of a code.
    C : float
        Inverse strength of the l2 penalty of the softmax regression on the seen classes.
    epochs : int
        Steps over a whole graph.
    lr, weight_decay : float
        Of Adam.
    random_state : int, RandomState or None
    device : str

    Returns
    -------
    ndarray of shape (c, v dim)
        A row a class, in the order of ``classes``, for v views.

    Raises
    ------
    InputError
        If a class is no node of a view, a label has no row in ``classes``, or there is only one seen class.

    Notes
    -----
    Differs from the paper: the views are encoded one by one, each by its own two layers and read-out.

    Cost: that of the softmax regression, then O(epochs m (k w + w p + p d)) a view of m nodes.

    References
    ----------
    Geng, Chen, Ye, Jia, Yuan and Chen, "Generative adversarial zero-shot learning via knowledge graphs", 2020.
    """
    if views is None:
        views = [attribute_view(classes)] if classes.graph is None else [classes.graph, attribute_view(classes)]
    X = np.asarray(X, dtype=np.float64)
    seen, target = np.unique(classes.rows(y), return_inverse=True)
    if len(seen) < 2:
        raise InputError(f"at least two seen classes are needed; got {classes.labels[seen][0]!s} alone")
    place = resolve_device(device)
    weights = torch.as_tensor(unit_rows(np.column_stack(softmax_regression(X, target, C)))).float().to(place)
    codes = []
    with seeded(random_state):
        for view in views:
            nodes = torch.as_tensor(view.rows(classes.labels), device=place)
            S = to_tensor(symmetric(adjacency(view.edges, len(view.nodes))), place)
            H = torch.as_tensor(unit_rows(view.vectors), dtype=torch.float32, device=place)
            first, second, read_out = (
                nn.Linear(*pair).to(place) for pair in ((H.shape[1], hidden), (hidden, dim), (dim, weights.shape[1]))
            )
            encode = lambda: torch.relu(convolve(S, torch.relu(convolve(S, H, first)), second))[nodes]  # noqa: B023, E731

            def loss(batch, clock: Clock) -> Tensor:
                return (read_out(encode()[seen]) - weights).square().sum(dim=1).mean() / 2  # noqa: B023

            params = [p for layer in (first, second, read_out) for p in layer.parameters()]
            optimizer = lambda p: torch.optim.Adam(p, lr=lr, weight_decay=weight_decay)  # noqa: E731
            train([Turn("regression", loss, params, optimizer)], repeat(None), epochs=epochs, steps_per_epoch=1)
            with torch.no_grad():
                codes.append(encode().cpu().double().numpy())
    return np.concatenate(codes, axis=1)
