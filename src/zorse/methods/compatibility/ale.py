"""ALE: a bilinear map trained to rank the right class first, errors near the top weighing most."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from zorse.core import ClassTable, InputError, Paper
from zorse.nn.ranking import hinges, sampled_weighted_ranking, weighted_ranking
from zorse.templates import RankingClassifier


class ALE(RankingClassifier):
    r"""Attribute label embedding: F(x, y) = theta(x)^T W phi(y) under a weighted approximate ranking loss.

    With l(x, y') = max(0, 1 + F(x, y') - F(x, y)) for every wrong seen class y', r(x) the number of wrong classes
    whose l is above 0, and beta_r = 1 + 1/2 + .. + 1/r, it minimises the mean over samples of

        beta_r / r * sum_y' l(x, y').

    Parameters
    ----------
    ranking : {"sampled", "exact"}, default="sampled"
        "sampled" is the paper's stochastic gradient: wrong classes are drawn with replacement until one violates the
        margin, at the k-th trial and at most s - 1 times; its l is weighed by beta of floor((s - 1) / k), an estimate
        of r. "exact" counts r over all s seen classes and takes the gradient of the objective as it stands.
    normalize_features, normalize_classes : bool, default=True
        Whether theta(x) and phi(y) are scaled to unit length.
    epochs : int, default=50
    lr : float, default=0.1
        Constant step of plain stochastic gradient descent; the paper chooses it by validation.
    batch_size : int, default=32
        Samples whose updates are averaged to one step; 1 is the paper's.
    random_state : int, RandomState or None
        Of initialisation, shuffling and sampling.
    device : str, default="auto"

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)
        The map W.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If ``ranking`` is unknown, or there is only one seen class.

    Notes
    -----
    Differs from the paper: updates are averaged over a mini-batch; training ends after ``epochs``, where the
    paper stops early on held-out classes. The zero-shot variant alone is here, phi(y) given and fixed.

    Cost: O(epochs (n d k + n k s)) to fit, s being the number of seen classes; O(n d k + n k c) to score.

    References
    ----------
    Akata, Perronnin, Harchaoui and Schmid, "Label-embedding for image classification", TPAMI 38(7), 2016.
    """

    paper = Paper(
        title="Label-Embedding for Image Classification",
        authors="Zeynep Akata, Florent Perronnin, Zaid Harchaoui, Cordelia Schmid",
        venue="TPAMI",
        year=2016,
        url="https://arxiv.org/abs/1503.08677",
        aka=("ALE", "attribute label embedding"),
        seed=31,
    )

    def __init__(
        self,
        ranking: Literal["sampled", "exact"] = "sampled",
        normalize_features: bool = True,
        normalize_classes: bool = True,
        epochs: int = 50,
        lr: float = 0.1,
        batch_size: int = 32,
        random_state=None,
        device: str = "auto",
    ):
        self.ranking = ranking
        self.normalize_features = normalize_features
        self.normalize_classes = normalize_classes
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.ranking not in ("sampled", "exact"):
            raise InputError(f"ranking must be 'sampled' or 'exact'; got {self.ranking!r}")
        super()._fit(X, rows, table)

    def _loss(self, scores: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        l = hinges(scores, target)
        return weighted_ranking(l) if self.ranking == "exact" else sampled_weighted_ranking(l, target, generator)

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(params, lr=self.lr)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Both ways to rank, few epochs."""
        few = {"epochs": 30, "lr": 1.0, "batch_size": 16, "random_state": 0, "device": "cpu"}
        return [few, few | {"ranking": "exact"}]
