"""Deep0Tag: tags that were never trained on, from a bag of image windows, with a box for each."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import InputError, Paper
from zorse.nn.blocks import mlp
from zorse.nn.ranking import pairwise_logistic
from zorse.templates import PatchTagger
from zorse.training import Clock


class Deep0Tag(PatchTagger):
    r"""Zero-shot image tagging by multiple-instance learning: an image has a tag if one of its windows has it.

    An image is a bag of windows z_j. Each is mapped to the space of the tags' word vectors, g(z) = W_2 relu(W_1 z), and
    scored against the unit vector v_c of every tag; the image's score of a tag is pooled over its windows,

        s_c = max_j g(z_j)^T v_c.

    With P the tags of an image and N the other seen tags it minimises
    1 / (|P| |N|) sum_{p in P} sum_{n in N} log(1 + exp(s_n - s_p)). The window that decides is the tag's box.

    Parameters
    ----------
    pooling : {"max", "mean"}, default="max"
        Over the scores of the windows.
    windows : tuple of int, default=(1, 2)
        Sides, in patches, of the squares whose mean patch is an instance; one larger than the grid takes it whole.
    hidden : int, default=512
        Width of W_1.
    epochs : int, default=50
    batch_size : int, default=32
    lr : float, default=0.001
        Of Adam.
    weight_decay : float, default=0.0
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        "map", the network g.
    mean_, spread_ : ndarray of shape (d,) and float
        What patches are centred on and divided by.
    threshold_ : float
        Score from which on ``predict`` gives a tag.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If ``pooling`` is unknown or a window has no side.

    Notes
    -----
    Differs from the paper: the convolutional network stays as it is, patches being given; windows are all squares of
    given sides, where the paper learns which regions to propose; widths, steps and epochs are ours.

    Cost: with p windows and s seen tags, O(epochs n (p hidden (d + k) + p k s + s^2)) to fit;
    O(n p (hidden (d + k) + k c)) to score.

    References
    ----------
    Rahman and Khan, "Deep multiple instance learning for zero-shot image tagging", ACCV 2018.
    """

    paper = Paper(
        title="Deep Multiple Instance Learning for Zero-shot Image Tagging",
        authors="Shafin Rahman, Salman Khan",
        venue="ACCV",
        year=2018,
        url="https://arxiv.org/abs/1803.06051",
        aka=("Deep0Tag",),
        seed=8,
    )

    def __init__(
        self,
        pooling: Literal["max", "mean"] = "max",
        windows: tuple[int, ...] = (1, 2),
        hidden: int = 512,
        epochs: int = 50,
        batch_size: int = 32,
        lr: float = 0.001,
        weight_decay: float = 0.0,
        random_state=None,
        device: str = "auto",
    ):
        self.pooling = pooling
        self.windows = windows
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def boxes(self, X, labels) -> np.ndarray:
        """The window that speaks most for each image's label, (n, 4) as left, top, right, bottom from 0 to 1.

        Parameters
        ----------
        X : array-like of shape (n, gh, gw, d)
        labels : label or array-like of n labels
        """
        X, labels = np.asarray(X), np.broadcast_to(np.asarray(labels), len(X))
        one = self.with_candidates(np.unique(labels))
        rows, (gh, gw) = one.candidates_.rows(labels), X.shape[1:3]
        phi = one._phi(one.candidates_.vectors, one._ready())
        places = torch.tensor(_places(gh, gw, self.windows), dtype=torch.float64)
        found = []
        with torch.no_grad():
            for at, x in one._blocks(X):
                scores = one._instances(x) @ phi.T
                best = scores[torch.arange(len(x)), :, torch.as_tensor(rows[at])].argmax(dim=1).cpu()
                found.append(places[best] / torch.tensor([gw, gh, gw, gh]))
        return torch.cat(found).numpy()

    def _build(self, x: Tensor, phi: Tensor) -> nn.ModuleDict:
        if self.pooling not in ("max", "mean"):
            raise InputError(f"pooling must be 'max' or 'mean'; got {self.pooling!r}")
        if not self.windows or min(self.windows) < 1:
            raise InputError(f"windows are sides in patches, at least 1; got {self.windows}")
        return nn.ModuleDict({"map": mlp(x.shape[-1], self.hidden, phi.shape[1])})

    def _instances(self, x: Tensor) -> Tensor:
        """g of every window, (b, p, k)."""
        grid = x.permute(0, 3, 1, 2)
        bags = [nn.functional.avg_pool2d(grid, _side(s, grid.shape[2:]), 1).flatten(2) for s in self.windows]
        return self.networks_["map"](torch.cat(bags, dim=2).transpose(1, 2))

    def _compatibility(self, x: Tensor, phi: Tensor) -> Tensor:
        scores = self._instances(x) @ phi.T
        return scores.amax(dim=1) if self.pooling == "max" else scores.mean(dim=1)

    def _loss(self, x: Tensor, target: Tensor, phi: Tensor, n_seen: int, clock: Clock) -> Tensor:
        return pairwise_logistic(self._compatibility(x, phi), target)

    def _attention(self, x: Tensor, phi: Tensor) -> Tensor:
        share = (self._instances(x) @ phi[:, :, None])[..., 0].softmax(dim=1)
        maps = x.new_zeros(x.shape[:3])
        start = 0
        for s in self.windows:
            h, w = _side(s, x.shape[1:3])
            rows, columns = x.shape[1] - h + 1, x.shape[2] - w + 1
            part = share[:, start : start + rows * columns].reshape(-1, 1, rows, columns)
            maps += nn.functional.conv_transpose2d(part, x.new_ones(1, 1, h, w) / (h * w))[:, 0]
            start += rows * columns
        return maps

    @classmethod
    def example_params(cls) -> list[dict]:
        """Both ways to pool."""
        few = {"hidden": 64, "epochs": 15, "batch_size": 16, "lr": 0.005, "random_state": 0, "device": "cpu"}
        return [few, few | {"pooling": "mean", "windows": (1,)}]


def _side(s: int, grid) -> tuple[int, int]:
    return min(s, grid[0]), min(s, grid[1])


def _places(gh: int, gw: int, windows: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom, in patches, of every window in the order of the bag."""
    found = []
    for h, w in (_side(s, (gh, gw)) for s in windows):
        found += [(x, y, x + w, y + h) for y in range(gh - h + 1) for x in range(gw - w + 1)]
    return found
