"""PSR: class vectors are embedded among the features so that classes stand to each other as their vectors do."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper
from zorse.nn import mlp
from zorse.nn.vectors import cosine, unit_rows
from zorse.templates import NetworkClassifier


class PSR(NetworkClassifier):
    r"""Preserving semantic relations: identical, similar and dissimilar pairs of sample and class keep their places.

    With f from class vectors to features, g back, x of unit length and delta(c, c') the cosine of two class vectors, it
    minimises the mean over samples x of class y of

        ||x - f(a_y)||^2
        + similar * mean of [|cos(x, f(a_c)) - delta(y, c)| - epsilon]_+ over seen c /= y with delta(y, c) >= tau
        + dissimilar * mean of [cos(x, f(a_c)) - delta(y, c)]_+          over seen c with delta(y, c) < tau

    plus reconstruct * mean over seen classes of ||a - g(f(a))||^2. A candidate is scored by cos(x, f(a)).

    Parameters
    ----------
    tau : float, default=0.5
        Cosine from which two classes count as similar.
    epsilon : float, default=0.1
        How far the cosine of a similar pair may be from that of its class vectors at no cost.
    similar, dissimilar, reconstruct : float, default=1.0
        Weights of the terms.
    nonnegative : bool, default=True
        Whether f ends in a rectifier, as in the paper, whose features are never negative.
    hidden : int, default=1024
    weight_decay : float, default=1e-5
    epochs : int, default=50
    lr : float, default=1e-3
        Step of Adam.
    batch_size : int, default=64
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        "encode" (f) and "decode" (g).
    prototypes_ : ndarray of shape (c, d)
        f of the candidates.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If ``tau`` is not a cosine, or there is only one seen class.

    Notes
    -----
    Differs from the paper: every sample of a batch meets every seen class, where the paper draws pairs; the weights of
    the terms, ``tau`` and the margin of similar pairs are to be chosen by validation. Class vectors have unit length.

    Cost: O(epochs n s d (1 + h / b)) to fit with h hidden units, s seen classes and batches of b; O(c h (k + d)) for a
    label space, O(n c d) to score.

    References
    ----------
    Annadani and Biswas, "Preserving semantic relations for zero-shot learning", CVPR 2018.
    """

    paper = Paper(
        title="Preserving Semantic Relations for Zero-Shot Learning",
        authors="Yashas Annadani, Soma Biswas",
        venue="CVPR",
        year=2018,
        url="https://arxiv.org/abs/1803.03049",
        aka=("PSR", "PSR-ZSL", "preserving semantic relations"),
        seed=12,
    )

    def __init__(
        self,
        tau: float = 0.5,
        epsilon: float = 0.1,
        similar: float = 1.0,
        dissimilar: float = 1.0,
        reconstruct: float = 1.0,
        nonnegative: bool = True,
        hidden: int = 1024,
        weight_decay: float = 1e-5,
        epochs: int = 50,
        lr: float = 1e-3,
        batch_size: int = 64,
        random_state=None,
        device: str = "auto",
    ):
        self.tau = tau
        self.epsilon = epsilon
        self.similar = similar
        self.dissimilar = dissimilar
        self.reconstruct = reconstruct
        self.nonnegative = nonnegative
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if not -1 <= self.tau <= 1:
            raise InputError(f"tau must be a cosine, from -1 to 1; got {self.tau}")
        super()._fit(X, rows, table)

    def _networks(self, x: Tensor, phi: Tensor, y: Tensor) -> dict[str, nn.Module]:
        k, d = phi.shape[1], x.shape[1]
        last = nn.ReLU() if self.nonnegative else None
        return {"encode": mlp(k, self.hidden, d, out=last), "decode": mlp(d, self.hidden, k)}

    def _loss(self, x: Tensor, y: Tensor, phi: Tensor) -> Tensor:
        places = self.networks_["encode"](phi)
        back = self.networks_["decode"](places)
        delta = (phi @ phi.T)[y]
        at = x @ nn.functional.normalize(places, dim=1).T  # cosines: x has unit length
        other = torch.ones_like(delta).scatter(1, y[:, None], 0.0)
        alike, apart = other * (delta >= self.tau), other * (delta < self.tau)
        off = ((at - delta).abs() - self.epsilon).relu()
        loss = (x - places[y]).square().sum(dim=1).mean()
        loss = loss + self.similar * _mean_of(off, alike) + self.dissimilar * _mean_of((at - delta).relu(), apart)
        return loss + self.reconstruct * (back - phi).square().sum(dim=1).mean()

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(params, lr=self.lr, weight_decay=self.weight_decay)

    def _prepare(self, table: ClassTable) -> None:
        self.prototypes_ = self._run(lambda networks, phi: networks["encode"](phi), self._phi(table))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return cosine(X, self.prototypes_)

    def _theta(self, X: np.ndarray) -> np.ndarray:
        return unit_rows(X)

    def _phi(self, table: ClassTable) -> np.ndarray:
        return unit_rows(table.vectors)

    @classmethod
    def example_params(cls) -> list[dict]:
        """A small network whose output may be negative."""
        few = {"hidden": 32, "epochs": 15, "lr": 0.01, "batch_size": 32, "random_state": 0, "device": "cpu"}
        return [few | {"nonnegative": False, "dissimilar": 0.3}]


def _mean_of(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over rows of the mean of the values (b, s) that the mask picks; 0 for a row without any."""
    return ((values * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)).mean()
