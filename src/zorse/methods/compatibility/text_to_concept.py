"""Text-to-concept (ICML 2023): a linear map into a dual encoder's space lets any features be classified by text."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.core.random import seeded
from zorse.nn.vectors import cosine, unit_rows
from zorse.templates import TraitsOf
from zorse.training import MiniBatches, Turn, train

VARIANCE = 4.5  # what both kinds of features are scaled to


def _traits(model: Any) -> Traits:
    return Traits(trained=getattr(model, "alignment", None) is None)


class TextToConcept(ZeroShotClassifier):
    """Give any image features a text space: align them linearly to a dual encoder, then compare with class texts.

    Parameters
    ----------
    alignment : tuple of ndarray (d, k) and ndarray (k,), optional
        Weights and intercept of :func:`align`, learned from images that both models have embedded, without labels.
        Without it samples are aligned to the text of their own class, for which labels are needed.
    solver : {"ridge", "sgd"}, default="ridge"
        As of :func:`align`, where there is no ``alignment``.
    weight_decay : float, default=5e-4
    scale : float, default=100.0
        What cosines are multiplied by; the dual encoder's ``logit_scale``.
    random_state : int, RandomState or None
        For "sgd".

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)
    intercept_ : ndarray of shape (k,)
    candidates_ : ClassTable
        ``vectors`` (c, k) are text embeddings of the dual encoder.

    Raises
    ------
    InputError
        If ``alignment`` does not fit the class vectors, or ``solver`` is unknown.

    Notes
    -----
    An image with features f is scored by cos(f W + b, t_c). :meth:`concepts` gives the same for any texts, as z-scores,
    which concept bottlenecks are made of.

    Differs from the paper: the map is solved for in closed form, the minimum of the very objective that the authors
    descend on (``solver="sgd"``). The released code scales the intercept by c1 / c2 where 1 / c2 undoes the scaling;
    here it is 1 / c2. Its cosine schedule, of 200 epochs of which six are run, is left out.

    Cost: align O(n d^2 + d^3 + n d k); predict O(n k (d + c)).

    References
    ----------
    Moayeri, Rezaei, Sanjabi, Feizi. Text-To-Concept (and Back) via Cross-Model Alignment. ICML 2023.
    """

    paper = Paper(
        title="Text-To-Concept (and Back) via Cross-Model Alignment",
        authors="Mazda Moayeri, Keivan Rezaei, Maziar Sanjabi, Soheil Feizi",
        venue="ICML",
        year=2023,
        url="https://arxiv.org/abs/2305.06386",
        aka=("text-to-concept", "cross-model alignment", "linear aligner"),
        seed=126,
    )
    traits = TraitsOf(_traits)
    weights_: np.ndarray

    def __init__(
        self,
        alignment: tuple[np.ndarray, np.ndarray] | None = None,
        solver: Literal["ridge", "sgd"] = "ridge",
        weight_decay: float = 5e-4,
        scale: float = 100.0,
        random_state=None,
    ):
        self.alignment = alignment
        self.solver = solver
        self.weight_decay = weight_decay
        self.scale = scale
        self.random_state = random_state

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.alignment is not None:
            W, b = (np.asarray(part, dtype=float) for part in self.alignment)
            if W.ndim != 2 or W.shape[1] != table.n_semantics or b.shape != W.shape[1:]:
                raise InputError(
                    f"an alignment to {table.n_semantics} dimensions is (d, {table.n_semantics}) and "
                    f"({table.n_semantics},); got {W.shape} and {b.shape}"
                )
            self.weights_, self.intercept_ = W, b
            self.n_features_in_ = len(W)
            return
        texts = unit_rows(table.vectors)[rows]
        self.weights_, self.intercept_ = align(
            X, texts, solver=self.solver, weight_decay=self.weight_decay, random_state=self.random_state
        )

    def aligned(self, X: np.ndarray) -> np.ndarray:
        """Features (n, d) in the dual encoder's space, (n, k)."""
        return np.asarray(X, dtype=float) @ self.weights_ + self.intercept_

    def concepts(self, X: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """How much each sample shows each concept, (n, p): cosines with texts (p, k), as z-scores over the samples."""
        near = cosine(self.aligned(X), np.asarray(texts, dtype=float))
        spread = near.std(axis=0)
        return (near - near.mean(axis=0)) / np.where(spread > 0, spread, 1)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * cosine(self.aligned(X), table.vectors)


def align(
    features: np.ndarray,
    targets: np.ndarray,
    *,
    solver: Literal["ridge", "sgd"] = "ridge",
    weight_decay: float = 5e-4,
    epochs: int = 6,
    batch_size: int = 100,
    lr: float = 0.01,
    random_state=None,
) -> tuple[np.ndarray, np.ndarray]:
    """W (d, k) and b (k,) such that ``features`` W + b is near ``targets``: two models' embeddings of the same images.

    Parameters
    ----------
    features, targets : ndarray of shape (n, d) and (n, k)
    solver : {"ridge", "sgd"}
        "ridge": the minimum of mean squared error (over samples and dimensions) + weight_decay / 2 ||W||^2, both kinds
        of features scaled to variance 4.5, the intercept free. "sgd": the authors' descent on it.
    weight_decay, epochs, batch_size, lr, random_state
        The last four for "sgd".

    Raises
    ------
    InputError
        If the arrays do not fit or ``solver`` is unknown.
    """
    F, Z = np.asarray(features, dtype=float), np.asarray(targets, dtype=float)
    if F.ndim != 2 or Z.ndim != 2 or len(F) != len(Z) or not len(F):
        raise InputError(f"expected features (n, d) and targets (n, k) of the same images; got {F.shape} and {Z.shape}")
    c1, c2 = ((VARIANCE / v) ** 0.5 if (v := A.var()) > 0 else 1.0 for A in (F, Z))
    n, k = Z.shape
    if solver == "ridge":
        middle, aim = F.mean(axis=0), Z.mean(axis=0)
        A, B = c1 * (F - middle), c2 * (Z - aim)
        W = np.linalg.solve(A.T @ A + max(weight_decay * n * k / 2, 1e-9) * np.eye(F.shape[1]), A.T @ B) * c1 / c2
        return W, aim - middle @ W
    if solver != "sgd":
        raise InputError(f"solver must be 'ridge' or 'sgd'; got {solver!r}")
    with seeded(random_state):
        linear = nn.Linear(F.shape[1], k)
        generator = torch.Generator().manual_seed(torch.initial_seed())
    pairs = (torch.from_numpy((c * A).astype(np.float32)) for c, A in ((c1, F), (c2, Z)))
    descent = partial(torch.optim.SGD, lr=lr, momentum=0.9, weight_decay=weight_decay)
    loss = Turn("align", lambda batch, clock: ((linear(batch[0]) - batch[1]) ** 2).mean(), linear.parameters(), descent)
    train([loss], MiniBatches(*pairs, size=batch_size, generator=generator), epochs=epochs)
    W, b = (part.detach().double().numpy() for part in (linear.weight, linear.bias))
    return W.T * c1 / c2, b / c2
