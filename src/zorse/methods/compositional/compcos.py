"""CompCos: the cosine of an image with its pair of words; in an open world, unlikely pairs are pushed away harder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from zorse.core import ClassTable, Paper
from zorse.nn.blocks import like, normed_mlp
from zorse.templates import PairClassifier, Words, feasibility
from zorse.training import Clock


class CompCos(PairClassifier):
    r"""Compositional cosine logits: f(x, (a, o)) = cos(omega(x), W [v_a; v_o] + b), trained by softmax.

    omega is a network of layers with layer norm, ReLU and dropout, v are word vectors. In a closed world the softmax is
    over seen pairs. In an open one it is over all pairs of the table, an unseen one entering with f - alpha rho, where
    rho is its feasibility (:func:`zorse.templates.feasibility`) and alpha grows from 0 to ``margin``: a pair that
    may well exist is pushed away less.

    Parameters
    ----------
    hidden : tuple of int, default=(768, 1024)
        Widths inside omega.
    embedding : int, default=512
        Length of the vectors that are compared.
    dropout : float, default=0.5
    temperature : float, default=0.05
        f is divided by it.
    margin : float, optional
        alpha at its end; None trains in a closed world.
    margin_epochs : int, default=15
        Epochs until alpha is there.
    epochs : int, default=100
    batch_size : int, default=128
    lr : float, default=5e-5
    weight_decay : float, default=5e-5
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        ``image`` is omega, ``pair`` the linear map of words.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If there is only one seen class, or a word has no vector.

    Notes
    -----
    Differs from the paper: word vectors stay as they are, so that feasibility is computed once; the features are given
    and their network is not trained further. A class that is no pair is its own attribute and object.

    Cost: O(epochs n (d w + w^2 + s e)) to fit, w being a hidden width, e the embedding and s the seen pairs (all, in an
    open world); O(n (d w + w^2 + c e)) to score.

    References
    ----------
    Mancini, Naeem, Xian and Akata, "Open world compositional zero-shot learning", CVPR 2021.
    """

    paper = Paper(
        title="Open World Compositional Zero-Shot Learning",
        authors="Massimiliano Mancini, Muhammad Ferjad Naeem, Yongqin Xian, Zeynep Akata",
        venue="CVPR",
        year=2021,
        url="https://arxiv.org/abs/2101.12609",
        aka=("CompCos", "compositional cosine logits"),
    )

    def __init__(
        self,
        hidden: tuple[int, ...] = (768, 1024),
        embedding: int = 512,
        dropout: float = 0.5,
        temperature: float = 0.05,
        margin: float | None = None,
        margin_epochs: int = 15,
        epochs: int = 100,
        batch_size: int = 128,
        lr: float = 5e-5,
        weight_decay: float = 5e-5,
        random_state=None,
        device: str = "auto",
    ):
        self.hidden = hidden
        self.embedding = embedding
        self.dropout = dropout
        self.temperature = temperature
        self.margin = margin
        self.margin_epochs = margin_epochs
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        # Of seen pairs as of all; in a closed world nobody asks.
        self.feasibility_ = feasibility(table, np.unique(table.labels[rows]))
        super()._fit(X, rows, table)

    def _networks(self, d: int, k: int) -> dict[str, nn.Module]:
        return {
            "image": normed_mlp(d, *self.hidden, self.embedding, dropout=self.dropout),
            "pair": nn.Linear(2 * k, self.embedding),
        }

    def _loss(self, x: Tensor, y: Tensor, words: Words, seen: Tensor, clock: Clock) -> Tensor:
        image = normalize(self.networks_["image"](x))
        if self.margin is None:
            f = image @ normalize(self.networks_["pair"](words.of(seen).pairs)).T
            return cross_entropy(f / self.temperature, y)
        alpha = self.margin * min(1.0, clock.epoch / max(1, self.margin_epochs))
        penalty = alpha * torch.as_tensor(self.feasibility_, dtype=x.dtype, device=x.device)
        penalty[seen] = 0.0
        f = image @ normalize(self.networks_["pair"](words.pairs)).T
        return cross_entropy((f - penalty) / self.temperature, seen[y])

    def _score(self, x: Tensor, words: Words) -> Tensor:
        image, pair = like(self.networks_["image"], x), like(self.networks_["pair"], words.pairs)
        return normalize(image) @ normalize(pair).T / self.temperature

    @classmethod
    def example_params(cls) -> list[dict]:
        """In a closed and in an open world, few units."""
        few = {"hidden": (32,), "embedding": 16, "dropout": 0.0, "epochs": 10, "batch_size": 32, "lr": 0.02}
        few |= {"random_state": 0, "device": "cpu"}
        return [few, few | {"margin": 0.4, "margin_epochs": 10}]
