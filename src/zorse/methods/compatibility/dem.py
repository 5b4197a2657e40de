"""DEM: class vectors are embedded among the features, where the nearest one wins."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import CapabilityError, ClassTable, InputError, Paper
from zorse.nn import mlp
from zorse.nn.vectors import negative_distance
from zorse.templates import NetworkClassifier


class DEM(NetworkClassifier):
    r"""Deep embedding model: a network maps class vectors to features; the visual space is where both meet.

    With f = relu(W_2 relu(W_1 a + b_1) + b_2) it minimises the mean of (f(a_y) - x)^2 over samples and features, plus
    weight_decay / 2 times the squares of all parameters. A candidate is scored by -||x - f(a)||^2. Features and class
    vectors are measured in units of their root mean square over the training set.

    Parameters
    ----------
    space : {"visual", "semantic"}, default="visual"
        "visual" is the method. "semantic" is what the paper compares it with: the same network turned round, from
        features to class vectors, with a linear output; nearest neighbours are sought among class vectors.
    views : bool, default=False
        True: the paper's multi-modality fusion of class vectors and every view of the class table. Each modality has a
        first layer of its own with tanh; their sum goes to the second one.
    nonnegative : bool, default=True
        Whether the output is rectified, as in the paper, whose features are never negative; False for features that
        can be.
    hidden : int, default=1600
        The paper's value for AwA.
    weight_decay : float, default=1e-3
        1e-3 on AwA, 1e-2 on CUB in the paper.
    epochs : int, default=50
    lr : float, default=1e-4
        Step of Adam.
    batch_size : int, default=64
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        "embed", and with ``views`` a first layer "modality_0", "modality_1" .. for each.
    sizes_ : list of int
        Length of a vector of each modality.
    feature_scale_ : float
        Root mean square of all training features.
    class_scales_ : list of float
        That of each modality of the seen classes.
    prototypes_ : ndarray of shape (c, d), or (c, k) in the semantic space
        The candidates where samples meet them.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If ``space`` is unknown, or there is only one seen class.
    CapabilityError
        If ``views`` is asked for and the class table has none, or ``space`` is "semantic".

    Notes
    -----
    Differs from the paper: lengths are relative to the training set's, which is why the same step and weight decay do
    for features of any scale; as they are, features of unit length would be lost beside the paper's weight decay.
    Training ends after ``epochs``; layers start as torch starts them, not from a truncated
    normal of standard deviation 0.1. The fusion adds modalities with equal weight, where the released code weighs
    attributes three times. Text encoded by a recurrent network, the paper's third input, is left to class vectors.

    Cost: O(epochs n h (k + d)) to fit with h hidden units; O(c h (k + d)) for a label space, O(n c d) to score.

    References
    ----------
    Zhang, Xiang and Gong, "Learning a deep embedding model for zero-shot learning", CVPR 2017.
    """

    paper = Paper(
        title="Learning a Deep Embedding Model for Zero-Shot Learning",
        authors="Li Zhang, Tao Xiang, Shaogang Gong",
        venue="CVPR",
        year=2017,
        url="https://arxiv.org/abs/1611.05088",
        aka=("DEM", "deep embedding model"),
        seed=63,
    )

    def __init__(
        self,
        space: Literal["visual", "semantic"] = "visual",
        views: bool = False,
        nonnegative: bool = True,
        hidden: int = 1600,
        weight_decay: float = 1e-3,
        epochs: int = 50,
        lr: float = 1e-4,
        batch_size: int = 64,
        random_state=None,
        device: str = "auto",
    ):
        self.space = space
        self.views = views
        self.nonnegative = nonnegative
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state
        self.device = device

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.space not in ("visual", "semantic"):
            raise InputError(f"space must be 'visual' or 'semantic'; got {self.space!r}")
        if self.views and self.space == "semantic":
            raise CapabilityError("DEM fuses views in the visual space alone")
        parts, seen = self._modalities(table), np.unique(rows)
        self.sizes_ = [part.shape[1] for part in parts]
        self.feature_scale_ = _root_mean_square(X)
        self.class_scales_ = [_root_mean_square(part[seen]) for part in parts]
        super()._fit(X, rows, table)

    def _networks(self, x: Tensor, phi: Tensor, y: Tensor) -> dict[str, nn.Module]:
        k, d = phi.shape[1], x.shape[1]
        if self.space == "semantic":
            return {"embed": mlp(d, self.hidden, k)}
        last = nn.ReLU() if self.nonnegative else None
        if not self.views:
            return {"embed": mlp(k, self.hidden, d, out=last)}
        layers: dict[str, nn.Module] = {
            f"modality_{i}": mlp(m, self.hidden, out=nn.Tanh()) for i, m in enumerate(self.sizes_)
        }
        return layers | {"embed": mlp(self.hidden, d, out=last)}

    def _loss(self, x: Tensor, y: Tensor, phi: Tensor) -> Tensor:
        if self.space == "semantic":
            return (self.networks_["embed"](x) - phi[y]).square().mean()
        return (self._among_features(self.networks_, phi)[y] - x).square().mean()

    def _among_features(self, networks: nn.ModuleDict, phi: Tensor) -> Tensor:
        if self.views:
            parts = enumerate(phi.split(self.sizes_, dim=1))
            phi = torch.stack([networks[f"modality_{i}"](part) for i, part in parts]).sum(dim=0)
        return networks["embed"](phi)

    def _prepare(self, table: ClassTable) -> None:
        if self.space == "visual":
            self.prototypes_ = self.feature_scale_ * self._run(self._among_features, self._phi(table))
        else:
            self.prototypes_ = table.vectors

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        if self.space == "semantic":
            X = self.class_scales_[0] * self._run(lambda networks, x: networks["embed"](x), self._theta(X))
        return negative_distance(X, self.prototypes_)

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(params, lr=self.lr, weight_decay=self.weight_decay)

    def _theta(self, X: np.ndarray) -> np.ndarray:
        return X / self.feature_scale_

    def _phi(self, table: ClassTable) -> np.ndarray:
        parts = zip(self._modalities(table), self.class_scales_, strict=True)
        return np.hstack([part / scale for part, scale in parts])

    def _modalities(self, table: ClassTable) -> tuple[np.ndarray, ...]:
        if not self.views:
            return (table.vectors,)
        if not table.views:
            raise CapabilityError("DEM was asked to fuse views; the class table has none beside its vectors")
        return (table.vectors, *table.views)

    @classmethod
    def example_params(cls) -> list[dict]:
        """A small network, each way."""
        few: dict = {"hidden": 32, "epochs": 20, "lr": 0.01, "weight_decay": 1e-4, "random_state": 0, "device": "cpu"}
        return [few | {"nonnegative": False}, few | {"space": "semantic"}]


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values).mean())) or 1.0
