"""CGE: a graph of attributes, objects and their pairs is convolved into the classifiers of all pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from zorse.core import ClassTable, Paper, resolve_device
from zorse.nn.blocks import like, normed_mlp
from zorse.nn.graph import adjacency, by_rows, graph_network, to_tensor
from zorse.templates import GraphClassifier
from zorse.training import MiniBatches, Turn


class CGE(GraphClassifier):
    r"""Compositional graph embedding: score(x, pair) = omega(x) . g_pair, with g from a two-layer graph convolution.

    Nodes are attributes, objects and all pairs, unseen ones too; edges join the attribute and the object of a pair, and
    both to the pair. With A these links and a loop at each node, and D its row sums, a layer is

        H' = ReLU(D^-1 A H W + b), without ReLU and with rows of unit length after the last.

    A pair starts as the mean of its words' vectors. Trained by softmax over the seen pairs.

    Parameters
    ----------
    hidden : int, default=4096
        Width between the layers.
    dropout : float, default=0.5
        Of what enters a layer.
    image_hidden : tuple of int, default=()
        Widths of a network omega before the product, as for UT-Zappos (768, 1024, 1200); () takes features as they are.
    embedding : int, default=300
        Length of omega(x), where ``image_hidden`` is given.
    n_neighbors : int, default=3
        Edges of a class to its nearest, where the table brings no graph; only where the cosine is above 0.
    epochs : int, default=100
    batch_size : int, default=128
    lr : float, default=5e-5
    weight_decay : float, default=5e-5
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        ``layers`` of the graph and, if asked for, ``image``.
    coef_ : ndarray of shape (c, d) or (c, embedding)
        g of the candidates.
    graph_ : ClassGraph or None
        The nearest-neighbour graph, where the table brought none.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If there is only one seen class, or a class is no node of the graph.

    Notes
    -----
    Differs from the paper: the features are given and their network is not trained further. The graph is the table's,
    which :func:`zorse.data.pair_table` builds as the paper does; word vectors are scaled to unit length. A table of
    other classes brings its own graph, or one is made of its vectors.

    Cost: O(epochs n d s + epochs n / b (e w + m k w + m w d)) to fit, with m nodes, e edges, width w, s seen pairs and
    batches of b; O(n d c) to score.

    References
    ----------
    Naeem, Xian, Tombari and Akata, "Learning graph embeddings for compositional zero-shot learning", CVPR 2021.
    """

    paper = Paper(
        title="Learning Graph Embeddings for Compositional Zero-shot Learning",
        authors="Muhammad Ferjad Naeem, Yongqin Xian, Federico Tombari, Zeynep Akata",
        venue="CVPR",
        year=2021,
        url="https://arxiv.org/abs/2102.01987",
        aka=("CGE", "compositional graph embedding"),
        seed=82,
    )

    def __init__(
        self,
        hidden: int = 4096,
        dropout: float = 0.5,
        image_hidden: tuple[int, ...] = (),
        embedding: int = 300,
        n_neighbors: int = 3,
        epochs: int = 100,
        batch_size: int = 128,
        lr: float = 5e-5,
        weight_decay: float = 5e-5,
        random_state=None,
        device: str = "auto",
    ):
        self.hidden = hidden
        self.dropout = dropout
        self.image_hidden = image_hidden
        self.embedding = embedding
        self.n_neighbors = n_neighbors
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _layers(self, k: int, d: int) -> nn.ModuleDict:
        d -= 1  # without an intercept
        out = self.embedding if self.image_hidden else d
        parts: dict[str, nn.Module] = {
            "layers": nn.ModuleList([nn.Linear(k, self.hidden), nn.Linear(self.hidden, out)])
        }
        if self.image_hidden:
            parts["image"] = normed_mlp(d, *self.image_hidden, out, dropout=self.dropout)
        return nn.ModuleDict(parts)

    def _structure(self, A: csr_matrix, device: torch.device) -> Tensor:
        loops = adjacency(np.empty((0, 2), dtype=np.int64), A.shape[0])
        return to_tensor(by_rows((A + loops).tocsr()), device)

    def _node_weights(self, structure: Tensor, H: Tensor, nodes: Tensor, *, training: bool) -> Tensor:
        layers: Any = self.networks_["layers"]
        out = graph_network(structure, H, layers, dropout=lambda i: self.dropout if training else 0.0)[nodes]
        return nn.functional.pad(nn.functional.normalize(out), (0, 1))

    def _turn(
        self, predict: Callable[[], Tensor], X: np.ndarray, target: np.ndarray, generator: torch.Generator
    ) -> tuple[Turn, Iterable]:
        device = resolve_device(self.device)

        def loss(batch: tuple[Tensor, Tensor], clock) -> Tensor:
            x = self.networks_["image"](batch[0]) if self.image_hidden else batch[0]
            return nn.functional.cross_entropy(x @ predict()[:, :-1].T, batch[1])

        x, y = torch.tensor(X, dtype=torch.float32, device=device), torch.as_tensor(target, device=device)
        batches = MiniBatches(x, y, size=self.batch_size, generator=generator)
        return Turn("softmax", loss, self.networks_.parameters(), self._optimizer), batches

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        if self.image_hidden:
            with torch.no_grad():
                X = like(self.networks_["image"], torch.tensor(X)).numpy()
        return X @ self.coef_.T

    @classmethod
    def example_params(cls) -> list[dict]:
        """With features as they are and with a network for them."""
        few = {
            "hidden": 32,
            "dropout": 0.0,
            "epochs": 8,
            "batch_size": 32,
            "lr": 0.02,
            "random_state": 0,
            "device": "cpu",
        }
        return [few, few | {"image_hidden": (32,), "embedding": 16}]
