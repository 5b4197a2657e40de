"""SSE: samples and classes meet as mixtures of seen classes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper
from zorse.nn.simplex import mixtures
from zorse.nn.vectors import unit_rows
from zorse.templates import NetworkClassifier


class SSE(NetworkClassifier):
    r"""Semantic similarity embedding: a sample's and a class's proportions of seen classes are to agree.

    A class vector a has proportions z(a) on the simplex that minimise ||a - sum_s z_s a_s||^2 + gamma ||z||^2. A sample
    has, for seen class s, psi_s(x) = min(x, v_s) or max(0, x - v_s), feature by feature; both meet in

        f(x, c) = sum_s z_s(a_c) <w, psi_s(x)>.

    w and v_s are learned with a margin Delta(y, y') = 1 - z_y^T z_y' between seen classes: a hinge on every sample and
    wrong class, and one on the mean over the samples of each class (the alignment of the two domains).

    Parameters
    ----------
    embedding : {"intersection", "relu"}, default="intersection"
        psi. The first is for features that are not negative.
    gamma : float, default=0.1
        Weight of the squared proportions, above 0; class vectors have unit length.
    alignment : float, default=1.0
        Weight of the hinge on class means against that on samples.
    weight_decay : float, default=1e-4
        Weight of half the squared length of w and of the v_s.
    epochs : int, default=20
    lr : float, default=1e-3
        Step of Adam.
    batch_size : int, default=64
    random_state : int, RandomState or None
        Of shuffling.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        "offsets", whose weight holds the v_s (s, d), and "direction", whose weight is w.
    seen_vectors_ : ndarray of shape (s, k)
        Of unit length, in the order of ``seen_``.
    proportions_ : ndarray of shape (c, s)
        z of the candidates.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If ``embedding`` is unknown, ``gamma`` is not above 0, or there is only one seen class.

    Notes
    -----
    Differs from the paper: w and all v_s move together by stochastic gradient, where the paper alternates between two
    programs; class means are those of a batch. Training starts from w = 1 and v_s the mean of class s (intersection) or
    its mirror image at the mean of all samples (relu).

    Cost: O(epochs n s d) to fit, s being the number of seen classes; that of c quadratic programs in s unknowns for a
    label space; O(n s (d + c)) to score. Memory stays at O(n (d + s)).

    References
    ----------
    Zhang and Saligrama, "Zero-shot learning via semantic similarity embedding", ICCV 2015.
    """

    paper = Paper(
        title="Zero-Shot Learning via Semantic Similarity Embedding",
        authors="Ziming Zhang, Venkatesh Saligrama",
        venue="ICCV",
        year=2015,
        url="https://arxiv.org/abs/1509.04767",
        aka=("SSE", "semantic similarity embedding"),
    )

    def __init__(
        self,
        embedding: Literal["intersection", "relu"] = "intersection",
        gamma: float = 0.1,
        alignment: float = 1.0,
        weight_decay: float = 1e-4,
        epochs: int = 20,
        lr: float = 1e-3,
        batch_size: int = 64,
        random_state=None,
        device: str = "auto",
    ):
        self.embedding = embedding
        self.gamma = gamma
        self.alignment = alignment
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.embedding not in ("intersection", "relu"):
            raise InputError(f"embedding must be 'intersection' or 'relu'; got {self.embedding!r}")
        if not self.gamma > 0:
            raise InputError(f"gamma must be above 0; got {self.gamma}")
        self.seen_vectors_ = unit_rows(table.select(np.unique(table.labels[rows])).vectors)
        super()._fit(X, rows, table)

    def _networks(self, x: Tensor, phi: Tensor, y: Tensor) -> dict[str, nn.Module]:
        s, d = len(phi), x.shape[1]
        offsets, direction = nn.Linear(d, s, bias=False), nn.Linear(d, 1, bias=False)
        means = torch.stack([x[y == i].mean(dim=0) for i in range(s)])
        with torch.no_grad():
            offsets.weight.copy_(means if self.embedding == "intersection" else 2 * x.mean(dim=0) - means)
            direction.weight.fill_(1.0)
        return {"offsets": offsets, "direction": direction}

    def _loss(self, x: Tensor, y: Tensor, phi: Tensor) -> Tensor:
        # phi holds the proportions of the seen classes (s, s).
        scores = self._proportions_of(x, *self._parts(self.networks_)) @ phi.T
        gap = 1 - phi[y] @ phi.T + scores - scores.gather(1, y[:, None])
        gap = gap.scatter(1, y[:, None], 0.0)
        own = nn.functional.one_hot(y, len(phi)).to(gap.dtype)
        n = own.sum(dim=0)
        of_class = (own.T @ gap)[n > 0] / n[n > 0, None]
        decay = sum(p.square().sum() for p in self.networks_.parameters()) / 2
        return gap.relu().mean() + self.alignment * of_class.relu().mean() + self.weight_decay * decay

    def _proportions_of(self, x: Tensor, V: Tensor, w: Tensor) -> Tensor:
        """<w, psi_s(x)> of x (b, d), shape (b, s); no array is larger than x, V and the result."""
        # min(x, v) = (x + v - |x - v|) / 2, max(0, x - v) = (x - v + |x - v|) / 2: what joins the two is a distance.
        gap = _weighted_distance(x, V, w)
        own, theirs = (x @ w)[:, None], V @ w
        return (own + theirs - gap) / 2 if self.embedding == "intersection" else (own - theirs + gap) / 2

    @staticmethod
    def _parts(networks: nn.ModuleDict) -> tuple[Tensor, Tensor]:
        V, w = (next(networks[name].parameters()) for name in ("offsets", "direction"))
        return V, w[0]

    def _phi(self, table: ClassTable) -> np.ndarray:
        return mixtures(unit_rows(table.vectors), self.seen_vectors_, self.gamma)

    def _prepare(self, table: ClassTable) -> None:
        self.proportions_ = self._phi(table)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        def proportions(networks: nn.ModuleDict, x: Tensor) -> Tensor:
            return self._proportions_of(x, *self._parts(networks))

        return self._run(proportions, X) @ self.proportions_.T

    @classmethod
    def example_params(cls) -> list[dict]:
        """The embedding that features below 0 can be given to."""
        few = {"gamma": 0.01, "epochs": 8, "lr": 0.1, "batch_size": 32, "random_state": 0, "device": "cpu"}
        return [few | {"embedding": "relu"}]


def _weighted_distance(x: Tensor, V: Tensor, w: Tensor) -> Tensor:
    """Sum over features of w_j |x_j - v_j|, shape (b, s); w may be negative."""
    positive = w > 0
    total = x.new_zeros(len(x), len(V))
    for kept, sign in ((positive, 1), (~positive, -1)):
        if kept.any():
            weights = sign * w[kept]
            total = total + sign * torch.cdist(x[:, kept] * weights, V[:, kept] * weights, p=1)
    return total
