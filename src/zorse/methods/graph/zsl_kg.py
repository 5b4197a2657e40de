"""ZSL-KG: a transformer over the neighbours of each node of a knowledge graph gives the classifiers of all classes."""

from __future__ import annotations

from typing import Any

import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from zorse.core import InputError, Paper
from zorse.nn.graph import set_attention, set_attention_layers, visited_neighbours
from zorse.templates import GraphClassifier


class ZSLKG(GraphClassifier):
    r"""Zero-shot learning with common sense knowledge graphs: classifiers by a transformer graph network (TrGCN).

    With N(v) the node v and the nodes that a random walk from it visits most often, and T a transformer layer without
    positions, a layer is

        h'_v = f(W mean{ T({h_u, u in N(v)}) } + b), rows scaled to unit length, f(x) = max(x, 0.2 x).

    The second and last layer has no f and gives the classifier. It minimises the mean over seen classes of
    ||h_c - w_c||^2 / 2, where w_c is the unit vector of weights and intercept of the class's linear classifier.

    Parameters
    ----------
    hidden : int, default=2048
        Width after the first layer.
    neighbors : tuple of two int, default=(100, 50)
        Size of the neighbourhoods in the first and in the second layer, v itself not counted.
    walk_length : int, default=20
        Steps of the random walk.
    dropout : float, default=0.5
        Of the features that enter a layer.
    attention_dropout : float, default=0.1
        Inside the transformer.
    n_neighbors : int, default=3
        Edges of a class to its nearest, where the table brings no graph; only where the cosine is above 0.
    C : float, default=1.0
        Inverse strength of the l2 penalty of the softmax regression on the seen classes.
    epochs : int, default=300
        Steps over all seen classes at once.
    lr : float, default=1e-3
    weight_decay : float, default=5e-4
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        Transformer and linear map of both layers.
    coef_, intercept_ : ndarray of shape (c, d) and (c,)
        Predicted classifiers of the candidates.
    graph_ : ClassGraph or None
        The nearest-neighbour graph, where the table brought none.
    history_ : list of dict
        The loss of each epoch.

    Raises
    ------
    InputError
        If a size is below 1, there is only one seen class, or a class is no node of the graph.

    Notes
    -----
    Differs from the paper: expected visits of the walk are computed and not simulated; all seen classes make one step,
    and the epochs are fixed, where the paper stops on held-out classes of ImageNet. The transformer has one layer and
    one head, its feed-forward part first, as in the released code. Edges are taken both ways, whatever their relation.
    Without a graph one is made of the class vectors. What the paper does with text is not here.

    Cost: that of the softmax regression and the walks, O(walk_length m e) at worst, for m nodes and e edges; then
    O(epochs p (s w^2 + s^2 w)) for p nodes that the classes reach, sets of s and width w; O(n d c) to score.

    References
    ----------
    Nayak and Bach, "Zero-shot learning with common sense knowledge graphs", TMLR 2022.
    """

    paper = Paper(
        title="Zero-Shot Learning with Common Sense Knowledge Graphs",
        authors="Nihal V. Nayak, Stephen H. Bach",
        venue="TMLR",
        year=2022,
        url="https://arxiv.org/abs/2006.10713",
        aka=("ZSL-KG", "TrGCN"),
        seed=90,
    )

    def __init__(
        self,
        hidden: int = 2048,
        neighbors: tuple[int, int] = (100, 50),
        walk_length: int = 20,
        dropout: float = 0.5,
        attention_dropout: float = 0.1,
        n_neighbors: int = 3,
        C: float = 1.0,
        epochs: int = 300,
        lr: float = 1e-3,
        weight_decay: float = 5e-4,
        random_state=None,
        device: str = "auto",
    ):
        self.hidden = hidden
        self.neighbors = neighbors
        self.walk_length = walk_length
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.n_neighbors = n_neighbors
        self.C = C
        self.epochs = epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _layers(self, k: int, d: int) -> nn.ModuleDict:
        parts = {}
        for name, width, out in (("first", k, self.hidden), ("second", self.hidden, d)):
            half = max(1, width // 2)
            parts[name] = nn.ModuleDict({"set": set_attention_layers(width, half, half), "out": nn.Linear(width, out)})
        return nn.ModuleDict(parts)

    def _structure(self, A: csr_matrix, device: torch.device) -> list[tuple[Tensor, Tensor]]:
        if min(*self.neighbors, self.walk_length) < 1:
            told = f"neighbors={self.neighbors}, walk_length={self.walk_length}"
            raise InputError(f"neighbors and walk_length must be at least 1; got {told}")
        index, mask = visited_neighbours(A, max(self.neighbors), self.walk_length)
        # The heaviest stand first, behind the node itself, so that smaller sets are the beginnings of larger ones.
        sets = [torch.as_tensor(part, device=device) for part in (index, mask)]
        return [(sets[0][:, : size + 1], sets[1][:, : size + 1]) for size in self.neighbors]

    def _node_weights(self, structure: Any, H: Tensor, nodes: Tensor, *, training: bool) -> Tensor:
        (index, mask), (index_2, mask_2) = structure
        needed, place = torch.unique(index_2[nodes], return_inverse=True)  # what the second layer asks of the first
        hidden = self._layer("first", H, index[needed], mask[needed], training)
        hidden = nn.functional.normalize(nn.functional.leaky_relu(hidden, 0.2))
        return nn.functional.normalize(self._layer("second", hidden, place, mask_2[nodes], training))

    def _layer(self, name: str, H: Tensor, index: Tensor, mask: Tensor, training: bool) -> Tensor:
        layers: Any = self.networks_[name]
        H = nn.functional.dropout(H, self.dropout, training)
        mean = set_attention(H, index, mask, layers["set"], self.attention_dropout if training else 0.0)
        return layers["out"](mean)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small sets, few units."""
        few = {"hidden": 16, "neighbors": (1, 1), "walk_length": 1, "dropout": 0.0, "attention_dropout": 0.0}
        return [few | {"epochs": 25, "lr": 0.02, "C": 10.0, "weight_decay": 0.0, "random_state": 0, "device": "cpu"}]
