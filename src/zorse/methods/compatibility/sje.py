"""SJE: a bilinear map trained like a structured SVM, against the most violating class alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from zorse.core import CapabilityError, ClassTable, Paper
from zorse.nn.ranking import hinges
from zorse.nn.vectors import unit_rows
from zorse.templates import RankingClassifier


class SJE(RankingClassifier):
    r"""Structured joint embedding: the right class is to beat the most violating wrong one by a margin.

    With F(x, y) = theta(x)^T W phi(y) it minimises, over samples, max_y' [margin + F(x, y') - F(x, y)]_+.

    Parameters
    ----------
    margin : float, default=1.0
        The paper's Delta(y, y') for any wrong class.
    views : bool, default=False
        True: phi(y) is the class vector followed by every further view of the class table (attributes beside word
        vectors, say), each scaled to unit length: the paper's combination of several output embeddings.
    normalize_features, normalize_classes : bool, default=True
        Whether theta(x) and phi(y) are scaled to unit length.
    epochs : int, default=50
    lr : float, default=0.1
        Constant step of plain stochastic gradient descent; the paper chooses it by validation.
    batch_size : int, default=32
        Samples whose updates are averaged to one step; 1 is the paper's.
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)
        The map W; with ``views``, k counts all embeddings.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If there is only one seen class.
    CapabilityError
        If ``views`` is asked for and the class table has none.

    Notes
    -----
    Differs from the paper: updates are averaged over a mini-batch, and training ends after ``epochs``, where the paper
    stops early on held-out classes. Of the two ways to combine output embeddings the one that concatenates them is
    here; the other learns a map for each and weighs their scores by validation.

    Cost: O(epochs (n d k + n k s)) to fit, s being the number of seen classes; O(n d k + n k c) to score.

    References
    ----------
    Akata, Reed, Walter, Lee and Schiele, "Evaluation of output embeddings for fine-grained image classification",
    CVPR 2015.
    """

    paper = Paper(
        title="Evaluation of Output Embeddings for Fine-Grained Image Classification",
        authors="Zeynep Akata, Scott Reed, Daniel Walter, Honglak Lee, Bernt Schiele",
        venue="CVPR",
        year=2015,
        url="https://arxiv.org/abs/1409.8403",
        aka=("SJE", "structured joint embedding"),
    )

    def __init__(
        self,
        margin: float = 1.0,
        views: bool = False,
        normalize_features: bool = True,
        normalize_classes: bool = True,
        epochs: int = 50,
        lr: float = 0.1,
        batch_size: int = 32,
        random_state=None,
        device: str = "auto",
    ):
        self.margin = margin
        self.views = views
        self.normalize_features = normalize_features
        self.normalize_classes = normalize_classes
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _loss(self, scores: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        return hinges(scores, target, self.margin).amax(dim=1).mean()

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(params, lr=self.lr)

    def _phi(self, table: ClassTable) -> np.ndarray:
        if not self.views:
            return super()._phi(table)
        if not table.views:
            raise CapabilityError("SJE was asked to combine views; the class table has none beside its vectors")
        spaces = (table.vectors, *table.views)
        return np.hstack([unit_rows(space) if self.normalize_classes else space for space in spaces])

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few epochs."""
        return [{"epochs": 20, "lr": 2.0, "batch_size": 16, "random_state": 0, "device": "cpu"}]
