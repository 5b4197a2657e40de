"""DeViSE: a linear map from features to word vectors, trained with a ranking loss."""

from __future__ import annotations

import torch
from torch import Tensor

from zorse.core import Paper
from zorse.nn.ranking import hinges
from zorse.templates import RankingClassifier


class DeViSE(RankingClassifier):
    r"""Deep visual-semantic embedding: the right word vector is to be nearer to M x than any wrong one.

    With unit word vectors t it minimises, over samples, sum_y' max(0, margin - t_y^T M x + t_y'^T M x).

    Parameters
    ----------
    margin : float, default=0.1
    normalize_features : bool, default=True
        Whether samples are scaled to unit length.
    epochs : int, default=50
    lr : float, default=0.1
        Step of Adagrad.
    batch_size : int, default=64
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)
        M transposed.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If there is only one seen class.

    Notes
    -----
    Differs from the paper: the image network stays as it is, which is the paper's first stage of training; the sum
    over wrong classes is taken whole, where the paper stops at the first violator it draws.

    Cost: O(epochs (n d k + n k s)) to fit, s being the number of seen classes; O(n d k + n k c) to score.

    References
    ----------
    Frome, Corrado, Shlens, Bengio, Dean, Ranzato and Mikolov, "DeViSE: a deep visual-semantic embedding model",
    NeurIPS 2013.
    """

    paper = Paper(
        title="DeViSE: A Deep Visual-Semantic Embedding Model",
        authors="Andrea Frome, Greg S. Corrado, Jonathon Shlens, Samy Bengio, Jeffrey Dean, Marc'Aurelio Ranzato, "
        "Tomas Mikolov",
        venue="NeurIPS",
        year=2013,
        url="https://papers.nips.cc/paper/5204-devise-a-deep-visual-semantic-embedding-model",
        aka=("DeViSE",),
    )

    def __init__(
        self,
        margin: float = 0.1,
        normalize_features: bool = True,
        epochs: int = 50,
        lr: float = 0.1,
        batch_size: int = 64,
        random_state=None,
        device: str = "auto",
    ):
        self.margin = margin
        self.normalize_features = normalize_features
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _loss(self, scores: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        return hinges(scores, target, self.margin).sum(dim=1).mean()

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adagrad(params, lr=self.lr)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few epochs."""
        return [{"epochs": 30, "batch_size": 16, "random_state": 0, "device": "cpu"}]
