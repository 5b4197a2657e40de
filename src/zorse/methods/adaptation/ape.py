"""APE (2022): two encoders that were trained apart, aligned by a small head over the texts' one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from zorse.core import ClassTable, InputError, Paper
from zorse.nn.blocks import mlp
from zorse.nn.contrast import bag_contrast
from zorse.nn.vectors import unit_rows
from zorse.templates import NetworkClassifier


class APE(NetworkClassifier):
    """Map class texts of a frozen language model into the space of a frozen image encoder, by a contrastive loss.

    Parameters
    ----------
    hidden : int, default=1024
        Units of the head's hidden layer; 0 makes it linear.
    temperature : float, default=0.07
        Of the contrastive loss and of the scores.
    weight_decay : float, default=1e-4
    epochs, batch_size, lr : int, int, float, default=30, 256, 1e-3
        Of Adam.
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        ``text``, the head.
    centre_, text_centre_ : ndarrays of shape (d,), (k,)
        Mean unit image, and mean unit text of the seen classes, taken off before anything else.
    history_ : list of dict

    Notes
    -----
    Images x and class vectors a are features of two encoders that know nothing of each other, stored once. The head h
    is trained so that cos(x, h(a)) / temperature tells pairs from others, in both directions: every image of a class in
    the batch counts as right for its text. A class scores cos(x, h(a_c)) / temperature, seen or not.

    Differs from the paper: one text a class, which comes with the class table, in place of millions of captions; both
    sides are centred; the head sees one vector a text, not one a token.

    Cost: fit O(epochs n (b d + h (k + d))) for batches of b; predict O(c h (k + d) + n c d).

    References
    ----------
    Rosenfeld, Nakkiran, Pouransari, Tuzel, Faghri, APE: Aligning Pretrained Encoders to Quickly Learn Aligned
    Multimodal Representations, 2022.
    """

    paper = Paper(
        title="APE: Aligning Pretrained Encoders to Quickly Learn Aligned Multimodal Representations",
        authors="Elan Rosenfeld, Preetum Nakkiran, Hadi Pouransari, Oncel Tuzel, Fartash Faghri",
        venue="arXiv",
        year=2022,
        url="https://arxiv.org/abs/2210.03927",
        aka=("APE", "aligning pretrained encoders"),
        seed=127,
    )

    def __init__(
        self,
        hidden: int = 1024,
        temperature: float = 0.07,
        weight_decay: float = 1e-4,
        epochs: int = 30,
        batch_size: int = 256,
        lr: float = 1e-3,
        random_state: Any = None,
        device: str = "auto",
    ):
        self.hidden, self.temperature, self.weight_decay = hidden, temperature, weight_decay
        self.epochs, self.batch_size, self.lr = epochs, batch_size, lr
        self.random_state, self.device = random_state, device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if not self.temperature > 0:
            raise InputError(f"temperature must be above 0; got {self.temperature}")
        self.centre_ = unit_rows(X).mean(axis=0)
        # In the order of labels: that of the table means nothing, to the last bit.
        self.text_centre_ = unit_rows(table.vectors[table.rows(np.unique(table.labels[rows]))]).mean(axis=0)
        super()._fit(X, rows, table)

    def _theta(self, X: np.ndarray) -> np.ndarray:
        return unit_rows(unit_rows(X) - self.centre_)

    def _phi(self, table: ClassTable) -> np.ndarray:
        return unit_rows(table.vectors) - self.text_centre_

    def _networks(self, x: Tensor, phi: Tensor, y: Tensor) -> dict[str, nn.Module]:
        k, d = phi.shape[1], x.shape[1]
        return {"text": mlp(k, self.hidden, d) if self.hidden else nn.Linear(k, d)}

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(params, lr=self.lr, weight_decay=self.weight_decay)

    def _loss(self, x: Tensor, y: Tensor, phi: Tensor) -> Tensor:
        texts = normalize(self.networks_["text"](phi), dim=1)
        return bag_contrast(x @ texts[y].T / self.temperature, y)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        texts = self._run(lambda networks, phi: networks["text"](phi), self._phi(table))
        return self._theta(X) @ unit_rows(texts).T / self.temperature

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and fast."""
        return [{"hidden": 32, "epochs": 20, "lr": 5e-3, "batch_size": 32, "device": "cpu", "random_state": 0}]
