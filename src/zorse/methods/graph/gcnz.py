"""GCNZ: a graph convolutional network turns word vectors of all classes into their classifiers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from zorse.core import InputError, Paper
from zorse.nn.graph import adjacency, by_rows, graph_network, symmetric, to_tensor
from zorse.templates import GraphClassifier


class GCNZ(GraphClassifier):
    r"""Zero-shot recognition via semantic embeddings and knowledge graphs: classifiers regressed by a GCN.

    With A the links of the graph and a loop at each node, and S = D^-1/2 A D^-1/2, every layer is

        H' = f(S H W + b),  f(x) = max(x, 0.2 x), and rows scaled to unit length after the last.

    It minimises the mean over seen classes of ||H_c - w_c||^2 / 2, where w_c is the unit vector of weights and
    intercept of the class's linear classifier; an unseen class is scored by its own row.

    Parameters
    ----------
    hidden : tuple of int, default=(2048, 2048, 1024, 1024, 512)
        Widths between layers; six layers in the paper, the sixth giving the classifier.
    dropout : float, default=0.5
        Of what enters the last two layers.
    normalization : {"symmetric", "rows"}, default="symmetric"
        "rows" takes D^-1 A.
    n_neighbors : int, default=3
        Edges of a class to its nearest, where the table brings no graph; only where the cosine is above 0.
    C : float, default=1.0
        Inverse strength of the l2 penalty of the softmax regression on the seen classes.
    epochs : int, default=300
        Steps over the whole graph.
    lr : float, default=1e-3
    weight_decay : float, default=5e-4
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        The layers.
    coef_, intercept_ : ndarray of shape (c, d) and (c,)
        Predicted classifiers of the candidates.
    graph_ : ClassGraph or None
        The nearest-neighbour graph, where the table brought none.
    history_ : list of dict
        The loss of each epoch.

    Raises
    ------
    InputError
        If ``normalization`` is unknown, there is only one seen class, or a class is no node of the graph.

    Notes
    -----
    Differs from the paper: the classifiers of the seen classes are a softmax regression on given features, where the
    paper takes the last layer of a network trained on ImageNet; edges are taken both ways. Word vectors are scaled to
    unit length. Without a graph one is made of the class vectors.

    Cost: that of the softmax regression, then O(epochs (e w + m w^2)) for m nodes, e edges and widths w; O(n d c) to
    score.

    References
    ----------
    Wang, Ye and Gupta, "Zero-shot recognition via semantic embeddings and knowledge graphs", CVPR 2018.
    """

    paper = Paper(
        title="Zero-shot Recognition via Semantic Embeddings and Knowledge Graphs",
        authors="Xiaolong Wang, Yufei Ye, Abhinav Gupta",
        venue="CVPR",
        year=2018,
        url="https://arxiv.org/abs/1803.08035",
        aka=("GCNZ", "zero-shot GCN"),
        seed=11,
    )

    def __init__(
        self,
        hidden: tuple[int, ...] = (2048, 2048, 1024, 1024, 512),
        dropout: float = 0.5,
        normalization: str = "symmetric",
        n_neighbors: int = 3,
        C: float = 1.0,
        epochs: int = 300,
        lr: float = 1e-3,
        weight_decay: float = 5e-4,
        random_state=None,
        device: str = "auto",
    ):
        self.hidden = hidden
        self.dropout = dropout
        self.normalization = normalization
        self.n_neighbors = n_neighbors
        self.C = C
        self.epochs = epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _layers(self, k: int, d: int) -> nn.ModuleDict:
        widths = (k, *self.hidden, d)
        layers = [nn.Linear(*pair) for pair in pairwise(widths)]
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        return nn.ModuleDict({"layers": nn.ModuleList(layers)})

    def _structure(self, A: csr_matrix, device: torch.device) -> Tensor:
        loops = (A + adjacency(np.empty((0, 2), dtype=np.int64), A.shape[0])).tocsr()
        if self.normalization not in ("symmetric", "rows"):
            raise InputError(f"normalization must be 'symmetric' or 'rows'; got {self.normalization!r}")
        return to_tensor((symmetric if self.normalization == "symmetric" else by_rows)(loops), device)

    def _node_weights(self, structure: Tensor, H: Tensor, nodes: Tensor, *, training: bool) -> Tensor:
        layers: Any = self.networks_["layers"]
        dropout = lambda i: self.dropout if training and i >= len(layers) - 2 else 0.0  # noqa: E731
        leaky = lambda x: nn.functional.leaky_relu(x, 0.2)  # noqa: E731
        out = graph_network(structure, H, layers, activation=leaky, dropout=dropout)
        return nn.functional.normalize(out[nodes])

    @classmethod
    def example_params(cls) -> list[dict]:
        """Three layers, few units."""
        few = {"hidden": (32, 32), "dropout": 0.0, "epochs": 40, "lr": 0.02, "C": 10.0}
        return [few | {"weight_decay": 0.0, "random_state": 0, "device": "cpu"}]
