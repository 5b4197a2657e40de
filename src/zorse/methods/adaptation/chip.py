"""CHIP (2023): a contrastive loss at every level of a hierarchy, and an answer that may stop at a general category."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax
from torch import Tensor, nn

from zorse.core import ClassTable, InputError, Paper, Traits
from zorse.nn.blocks import mlp
from zorse.nn.contrast import supervised_contrastive
from zorse.nn.vectors import unit_rows
from zorse.templates import NetworkClassifier


class CHIP(NetworkClassifier):
    """Embed images so that classes, their parents and grandparents each keep together; answer by nearest centroids.

    Parameters
    ----------
    levels : int, default=3
        How far up: the class alone is 1, with its parents 2, ...
    hidden, latent : int, default=512, 128
        Units of the embedding network, and length of an embedding.
    temperature : float, default=0.1
        Of the losses and of the answer.
    epochs, batch_size, lr : int, int, float, default=20, 256, 1e-3
        Of Adam.
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        ``embed``.
    nodes_ : list of ndarray of str
        Names of the nodes of each level that have samples.
    centroids_ : list of ndarray of shape (nodes, latent)
        Mean direction of the samples below each.
    history_ : list of dict

    Notes
    -----
    ``ClassTable.parents`` is the hierarchy; of several parents the first counts, and where a branch ends early its top
    stands for the levels above. The loss is the sum over levels of a contrast of samples: -log of the share of another
    sample of the node beside all those of other nodes. A class scores the sum over levels of
    log softmax_node(cos(z, centroid) / temperature) at its own ancestors; a class or node without samples gets the
    share of a blind guess, so that an unseen class is told by its general category alone. :meth:`general` answers at
    one level. Without a hierarchy there is one level.

    Differs from the paper: a network over stored features, not a ResNet-152; samples are contrasted with one another,
    where the paper contrasts them with mean embeddings of parents; the answer adds levels up, where the paper descends
    from the best node of the top. Its code is not public.

    Cost: fit O(epochs n (b l + h (d + latent))) for l levels; predict O(n (h (d + latent) + latent c)).

    References
    ----------
    Mittal, Jhaveri, Mallick, Ajmera, CHIP: Contrastive Hierarchical Image Pretraining, 2023.
    """

    paper = Paper(
        title="CHIP: Contrastive Hierarchical Image Pretraining",
        authors="Arpit Mittal, Harshil Jhaveri, Swapnil Mallick, Abhishek Ajmera",
        venue="arXiv",
        year=2023,
        url="https://arxiv.org/abs/2310.08304",
        aka=("CHIP", "hierarchical contrastive loss"),
        seed=111,
    )
    traits = Traits(learns_unseen=False)

    def __init__(
        self,
        levels: int = 3,
        hidden: int = 512,
        latent: int = 128,
        temperature: float = 0.1,
        epochs: int = 20,
        batch_size: int = 256,
        lr: float = 1e-3,
        random_state: Any = None,
        device: str = "auto",
    ):
        self.levels, self.hidden, self.latent, self.temperature = levels, hidden, latent, temperature
        self.epochs, self.batch_size, self.lr = epochs, batch_size, lr
        self.random_state, self.device = random_state, device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.levels < 1 or not self.temperature > 0:
            raise InputError(f"levels and temperature must be above 0; got {self.levels} and {self.temperature}")
        seen, target = np.unique(table.labels[rows], return_inverse=True)
        lines = _lines(table.select(seen), self.levels)
        found = [np.unique(line, return_inverse=True) for line in lines]
        self.nodes_ = [nodes for nodes, _ in found]
        self._of_class = torch.tensor(np.stack([place for _, place in found]))
        try:
            super()._fit(X, rows, table)
        finally:
            places = self._of_class.numpy()
            del self._of_class
        z = self._embedded(X)
        self.centroids_ = []
        for nodes, place in zip(self.nodes_, places, strict=True):
            sums = np.zeros((len(nodes), z.shape[1]))
            np.add.at(sums, place[target], z)
            self.centroids_.append(unit_rows(sums))

    def _networks(self, x: Tensor, phi: Tensor, y: Tensor) -> dict[str, nn.Module]:
        return {"embed": mlp(x.shape[1], self.hidden, self.latent)}

    def _loss(self, x: Tensor, y: Tensor, phi: Tensor) -> Tensor:
        z = self.networks_["embed"](x)
        levels = [supervised_contrastive(z, place.to(y)[y], self.temperature) for place in self._of_class]
        return torch.stack(levels).sum()

    def _embedded(self, X: np.ndarray) -> np.ndarray:
        return unit_rows(self._run(lambda networks, x: networks["embed"](x), X))

    def _log_shares(self, X: np.ndarray) -> list[np.ndarray]:
        z = self._embedded(X)
        return [log_softmax(z @ centroids.T / self.temperature, axis=1) for centroids in self.centroids_]

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        out = np.zeros((len(X), table.n_classes))
        for shares, nodes, line in zip(self._log_shares(X), self.nodes_, _lines(table, self.levels), strict=True):
            place = np.searchsorted(nodes, line).clip(max=len(nodes) - 1)
            known = nodes[place] == line
            out += np.where(known, shares[:, place], -np.log(len(nodes)))
        return out

    def general(self, X, level: int = 1) -> np.ndarray:
        """The node of a level, 0 being classes and 1 their parents, that each sample is nearest to; shape (n,)."""
        if not 0 <= level < len(self.nodes_):
            raise InputError(f"level is from 0 to {len(self.nodes_) - 1}; got {level}")
        return self.nodes_[level][self._log_shares(np.asarray(X, dtype=float))[level].argmax(axis=1)]

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and fast."""
        return [{"hidden": 16, "latent": 8, "epochs": 5, "batch_size": 32, "device": "cpu", "random_state": 0}]


def _lines(table: ClassTable, levels: int) -> list[np.ndarray]:
    """For each level the ancestor (c,) of every class; the class itself at level 0."""
    parents = table.parents or {}
    lines = [[str(label) for label in table.labels.tolist()]]
    for _ in range(levels - 1 if parents else 0):
        lines.append([next(iter(parents.get(node, ())), node) for node in lines[-1]])
    return [np.array(line) for line in lines]
