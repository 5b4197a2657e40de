"""SCAN (ECCV 2020): cluster unlabelled images so that neighbours agree, then name the clusters by class texts."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.core.random import seeded
from zorse.nn.search import nearest
from zorse.nn.vectors import unit_rows
from zorse.training import Clock, MiniBatches, Turn, train


class SCAN(ZeroShotClassifier):
    """Semantic clustering by adopting nearest neighbours, on stored features; as many clusters as candidate classes.

    Parameters
    ----------
    k : int, default=20
        Nearest neighbours of an image, of which one is drawn each time.
    entropy_weight : float, default=5.0
        lambda: how much clusters are kept equally frequent.
    heads : int, default=3
        Clusterings started; the one with the least loss is kept.
    epochs : int, default=50
    batch_size : int, default=128
    lr : float, default=0.001
    weight_decay : float, default=1e-4
    random_state : int, RandomState or None

    Attributes
    ----------
    weights_, intercept_ : ndarray of shape (d, c) and (c,)
        The linear head, its columns in the order of the candidates.
    centre_ : ndarray of shape (d,)
        Subtracted from unit features.
    spread_ : float
        What they are divided by then.
    loss_ : float
        Least loss of a head.

    Notes
    -----
    With p the head's softmax, the loss of images i with neighbours j is mean -log <p_i, p_j> - lambda H(mean p_i).
    Neighbours are those of largest cosine. Clusters are given to classes so that the cosines of their images with the
    class texts are largest in all (Hungarian method); without texts they would have no name. Nothing labelled is
    looked at.

    Differs from the paper: features are given and only the head is learned, so that the pretext task, and
    self-labelling under strong augmentation, which come before and after, are left out; lr is ten times the paper's,
    which moves a whole network; heads are trained one after the other.

    Cost: O(m^2 d) for the neighbours; a label space O(heads epochs m c d), plus O(c^3) to name clusters. Predict
    O(n c d).

    References
    ----------
    Van Gansbeke, Vandenhende, Georgoulis, Proesmans, Van Gool. SCAN: Learning to Classify Images without Labels.
    ECCV 2020.
    """

    paper = Paper(
        title="SCAN: Learning to Classify Images without Labels",
        authors="Wouter Van Gansbeke, Simon Vandenhende, Stamatios Georgoulis, Marc Proesmans, Luc Van Gool",
        venue="ECCV",
        year=2020,
        url="https://arxiv.org/abs/2005.12320",
        aka=("SCAN", "semantic clustering by adopting nearest neighbors"),
        seed=146,
    )
    traits = Traits(trained=False, needs_unlabelled=True, open_candidates=False, aligned_space=True)
    expected_failures: ClassVar[dict[str, str]] = {
        "check_columns_follow_classes": "clusters are those of the unlabelled samples; where these show none of the "
        "candidates, as in this check, no cluster is one of them",
    }
    weights_: np.ndarray

    def __init__(
        self,
        k: int = 20,
        entropy_weight: float = 5.0,
        heads: int = 3,
        epochs: int = 50,
        batch_size: int = 128,
        lr: float = 0.001,
        weight_decay: float = 1e-4,
        random_state=None,
    ):
        self.k = k
        self.entropy_weight = entropy_weight
        self.heads = heads
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        if len(unlabelled) < 2:
            raise InputError(f"SCAN needs at least two unlabelled samples; got {len(unlabelled)}")
        x = unit_rows(unlabelled)
        self.centre_ = x.mean(axis=0)
        self.spread_ = float((x - self.centre_).std()) or 1.0
        self.unlabelled_ = np.ascontiguousarray(x, dtype=np.float32)
        self.neighbours_ = nearest(self.unlabelled_, self.unlabelled_, self.k + 1)[0][:, 1:]
        with seeded(self.random_state) as generator:
            self.seed_ = generator.initial_seed()

    def _prepare(self, table: ClassTable) -> None:
        x = torch.from_numpy(((self.unlabelled_ - self.centre_) / self.spread_).astype(np.float32))
        generator = torch.Generator().manual_seed(self.seed_)
        found = [self._head(x, table.n_classes, generator) for _ in range(self.heads)]
        self.loss_, W, b = min(found, key=lambda head: head[0])
        P = (x @ W + b).softmax(dim=1).double().numpy()
        near = P.T @ (self.unlabelled_ @ unit_rows(table.vectors).T)
        cluster = linear_sum_assignment(near, maximize=True)[1].argsort()
        self.weights_ = np.ascontiguousarray(W.double().numpy()[:, cluster])
        self.intercept_ = b.double().numpy()[cluster]

    def _head(self, x: Tensor, c: int, generator: torch.Generator) -> tuple[float, Tensor, Tensor]:
        neighbours = torch.from_numpy(self.neighbours_)
        W = nn.Parameter(torch.randn(x.shape[1], c, generator=generator) * x.shape[1] ** -0.5)
        b = nn.Parameter(torch.zeros(c))

        def pairs(rows: Tensor) -> tuple[Tensor, Tensor]:
            drawn = torch.randint(neighbours.shape[1], (len(rows),), generator=generator)
            return x[rows], x[neighbours[rows, drawn]]

        def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
            p, q = ((part @ W + b).softmax(dim=1) for part in batch)
            return neighbour_loss(p, q, self.entropy_weight)

        batches = MiniBatches(torch.arange(len(x)), size=self.batch_size, generator=generator, fetch=pairs)
        adam = partial(torch.optim.Adam, lr=self.lr, weight_decay=self.weight_decay)
        history = train([Turn("scan", loss, [W, b], adam)], batches, epochs=self.epochs)
        return history[-1]["scan"], W.detach(), b.detach()

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return (unit_rows(X) - self.centre_) / self.spread_ @ self.weights_ + self.intercept_

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few neighbours, long steps."""
        return [{"k": 5, "heads": 1, "epochs": 60, "batch_size": 32, "lr": 0.02, "random_state": 0}]


def neighbour_loss(p: Tensor, q: Tensor, entropy_weight: float) -> Tensor:
    """Mean -log <p_i, q_i> less ``entropy_weight`` times the entropy of the mean p; p and q are (b, c)."""
    agree = (p * q).sum(dim=1).clamp_min(1e-30).log().clamp_min(-100.0)
    mean = p.mean(dim=0).clamp_min(1e-8)
    return -agree.mean() + entropy_weight * (mean * mean.log()).sum()
