"""ALE: a bilinear map trained to rank the right class first, errors near the top weighing most."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from zorse.core import ClassTable, InputError, Paper, resolve_device, seeded
from zorse.nn.ranking import hinges, sampled_weighted_ranking, weighted_ranking
from zorse.nn.vectors import unit_rows
from zorse.templates import BilinearClassifier
from zorse.training import Clock, MiniBatches, Turn, train


class ALE(BilinearClassifier):
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
        seen, target = np.unique(rows, return_inverse=True)
        if len(seen) < 2:
            raise InputError(f"ALE needs at least two seen classes; got {table.labels[seen][0]!s} alone")
        device = resolve_device(self.device)
        theta = torch.as_tensor(unit_rows(X) if self.normalize_features else X, dtype=torch.float32, device=device)
        vectors = table.vectors[seen]
        phi = torch.as_tensor(
            unit_rows(vectors) if self.normalize_classes else vectors, dtype=torch.float32, device=device
        )
        with seeded(self.random_state) as generator:
            W = torch.randn(theta.shape[1], phi.shape[1]) / theta.shape[1] ** 0.5
            W = W.to(device).requires_grad_()

            def loss(batch: tuple[Tensor, Tensor], clock: Clock) -> Tensor:
                l = hinges(batch[0] @ W @ phi.T, batch[1])
                if self.ranking == "exact":
                    return weighted_ranking(l)
                return sampled_weighted_ranking(l, batch[1], generator)

            batches = MiniBatches(
                theta, torch.as_tensor(target, device=device), size=self.batch_size, generator=generator
            )
            turn = Turn("ranking", loss, [W], lambda params: torch.optim.SGD(params, lr=self.lr))
            self.history_ = train([turn], batches, epochs=self.epochs)
        self.weights_ = W.detach().cpu().double().numpy()

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        theta = unit_rows(X) if self.normalize_features else X
        phi = unit_rows(table.vectors) if self.normalize_classes else table.vectors
        return theta @ self.weights_ @ phi.T

    @classmethod
    def example_params(cls) -> list[dict]:
        """Both ways to rank, few epochs."""
        few = {"epochs": 30, "lr": 1.0, "batch_size": 16, "random_state": 0, "device": "cpu"}
        return [few, few | {"ranking": "exact"}]
