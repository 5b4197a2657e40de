"""Gaze embeddings: class vectors from where several people look, combined in one of three ways."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from zorse.core import ClassTable, InputError, Paper
from zorse.nn.ranking import hinges
from zorse.nn.vectors import unit_rows
from zorse.templates import RankingClassifier


class GazeEmbeddings(RankingClassifier):
    r"""Gaze embeddings: a structured joint embedding of images and of what several people do when they look at a class.

    ``zorse.semantics.gaze_table`` makes the class table: one space a participant, from gaze histograms (GH), gaze
    features on a grid (GFG) or in sequence (GFS). With F(x, y) = theta(x)^T W phi(y) it minimises, over samples,
    max_y' [margin + F(x, y') - F(x, y)]_+.

    Parameters
    ----------
    combine : {"average", "early", "late"}, default="average"
        phi is the mean of the participants' vectors, or one after the other; "late" learns a map for each participant
        and averages their scores.
    margin : float, default=1.0
        Delta(y, y') for any wrong class.
    normalize_features, normalize_classes : bool, default=True
        Whether samples and each participant's vectors are scaled to unit length.
    epochs : int, default=50
    lr : float, default=1.0
        Constant step of plain stochastic gradient descent, to be chosen by validation.
    batch_size : int, default=32
        Samples whose updates are averaged to one step; 1 is the paper's.
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)
        The map W; unless averaged, k counts the vectors of all participants, one after the other.
    sizes_ : list of int
        Length of each participant's vectors.
    history_ : list of dict
        Mean loss of each epoch; summed over participants if late.

    Raises
    ------
    InputError
        If ``combine`` is unknown, there is only one seen class, or participants' vectors to be averaged differ in
        length.

    Notes
    -----
    Differs from the paper: a participant is a view of the class table, so vectors of any origin can take its place;
    updates are averaged over a mini-batch.

    Cost: O(epochs (n d k + n k s)) to fit, s being the number of seen classes, for each participant if late; O(n d k +
    n k c) to score.

    References
    ----------
    Karessli, Akata, Schiele and Bulling, "Gaze embeddings for zero-shot image classification", CVPR 2017.
    """

    paper = Paper(
        title="Gaze Embeddings for Zero-Shot Image Classification",
        authors="Nour Karessli, Zeynep Akata, Bernt Schiele, Andreas Bulling",
        venue="CVPR",
        year=2017,
        url="https://arxiv.org/abs/1611.09309",
        aka=("gaze embeddings", "gaze histograms", "GFG", "GFS"),
        seed=44,
    )

    def __init__(
        self,
        combine: Literal["average", "early", "late"] = "average",
        margin: float = 1.0,
        normalize_features: bool = True,
        normalize_classes: bool = True,
        epochs: int = 50,
        lr: float = 1.0,
        batch_size: int = 32,
        random_state=None,
        device: str = "auto",
    ):
        self.combine = combine
        self.margin = margin
        self.normalize_features = normalize_features
        self.normalize_classes = normalize_classes
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.combine not in ("average", "early", "late"):
            raise InputError(f"combine must be 'average', 'early' or 'late'; got {self.combine!r}")
        self.sizes_ = [space.shape[1] for space in self._spaces(table)]
        if self.combine == "average" and len(set(self.sizes_)) > 1:
            raise InputError(f"vectors that are averaged need one length; the participants' have {self.sizes_}")
        super()._fit(X, rows, table)

    def _compatibility(self, theta: Tensor, W: Tensor, phi: Tensor) -> Tensor:
        """Scores (n, s), or those of each participant (p, n, s)."""
        if self.combine != "late":
            return theta @ W @ phi.T
        maps = zip(W.split(self.sizes_, dim=1), phi.split(self.sizes_, dim=1), strict=True)
        return torch.stack([theta @ own @ part.T for own, part in maps])

    def _spaces(self, table: ClassTable) -> list[np.ndarray]:
        spaces = (table.vectors, *(table.views or ()))
        return [unit_rows(space) if self.normalize_classes else space for space in spaces]

    def _phi(self, table: ClassTable) -> np.ndarray:
        spaces = self._spaces(table)
        return np.mean(spaces, axis=0) if self.combine == "average" else np.hstack(spaces)

    def _loss(self, scores: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        # Maps of different participants share no number, so that their sum trains each by itself.
        each = scores if self.combine == "late" else scores[None]
        return torch.stack([hinges(own, target, self.margin).amax(dim=1).mean() for own in each]).sum()

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        total = super()._scores(X, table)  # one product adds up the participants' scores
        return total / len(self.sizes_) if self.combine == "late" else total

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(params, lr=self.lr)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few epochs."""
        return [{"epochs": 20, "lr": 2.0, "batch_size": 16, "random_state": 0, "device": "cpu"}]
