"""MF-Adapter (2024): what is alike locally, beside what is alike as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import InputError, Paper, Traits, resolve_device
from zorse.nn.vectors import unit_rows
from zorse.templates import FeatureAdapter, added
from zorse.training import MiniBatches, Turn, train


class MFAdapter(FeatureAdapter):
    """Add to text logits a cache of whole images and a local similarity to each class's patches, which is trained.

    Parameters
    ----------
    alpha, gamma : float, optional, default=None
        Weights of the cache and of the local similarity; None: by cross-validation on the shots, 1 where there is
        nothing to validate on.
    beta : float, default=5.5
        Sharpness of the cache's affinities.
    k : int, default=3
        Nearest patches of a class that a patch is compared with.
    windows : tuple of int, default=(1, 2)
        Sides of the sliding windows over the grid whose mean patches are compared too.
    reduction : int, default=4
        The adapter's bottleneck is this many times narrower than a patch vector.
    epochs, batch_size, lr : int, int, float, default=10, 32, 1e-3
        Of Adam; 0 epochs compare patches as they are.
    scale : float, default=100.0
        Inverse temperature of CLIP; the encoder's ``logit_scale``.
    n_folds : int, default=2
    random_state : int, RandomState or None
    device : str, default="auto"

    Attributes
    ----------
    setting_, validation_
        The alpha and gamma in use, and their accuracy on held-out shots.
    state_ : dict
        ``pool`` (n, p, d): window vectors of the shots; ``owner`` (n,): their classes; ``keys`` (n, d): whole shots;
        ``adapter``.

    Notes
    -----
    The MF-Unit of an image for a class is the mean, over its windows q, of the mean of the k largest cosines between
    A(q) and the windows of the class's shots, times ``scale``. A(q) = q + W2 relu(W1 q) starts as the identity and is
    trained by cross-entropy of the units on the shots, each against the others. Scores: ``scale cos(x, t_c)`` + alpha
    times Tip-Adapter's cache + gamma times the unit, x being the mean patch. A class without shots has the first alone,
    which units outweigh.

    Differs from the paper: patches are those in the space of the texts, where the paper takes earlier layers'; its code
    is not public: the unit's form here (k nearest, as in DN4), the adapter's and its loss follow the description.

    Cost: fit O((epochs + folds) n^2 p^2 d) for p windows an image; predict O(n m p^2 d) for m shots.

    References
    ----------
    Shi, Xue, Xu, Learning to Adapt Category Consistent Meta-Feature of CLIP for Few-Shot Classification, 2024.
    """

    paper = Paper(
        title="Learning to Adapt Category Consistent Meta-Feature of CLIP for Few-Shot Classification",
        authors="Jiaying Shi, Xuetong Xue, Shenghui Xu",
        venue="arXiv",
        year=2024,
        url="https://arxiv.org/abs/2407.05647",
        aka=("MF-Adapter", "MF-Unit", "meta-feature adaption"),
        seed=124,
    )
    traits = Traits(takes="patches", aligned_space=True)

    def __init__(
        self,
        alpha: float | None = None,
        gamma: float | None = None,
        beta: float = 5.5,
        k: int = 3,
        windows: tuple[int, ...] = (1, 2),
        reduction: int = 4,
        epochs: int = 10,
        batch_size: int = 32,
        lr: float = 1e-3,
        scale: float = 100.0,
        n_folds: int = 2,
        random_state=None,
        device: str = "auto",
    ):
        self.alpha, self.gamma, self.beta, self.k, self.windows = alpha, gamma, beta, k, windows
        self.reduction, self.epochs, self.batch_size, self.lr = reduction, epochs, batch_size, lr
        self.scale, self.n_folds, self.random_state, self.device = scale, n_folds, random_state, device

    def _settings(self) -> list[dict]:
        if self.k < 1 or not self.windows or min(self.windows) < 1:
            raise InputError(f"k and windows are at least 1; got {self.k} and {self.windows}")
        grids = [(1.0, 0.0, 3.0) if given is None else (given,) for given in (self.alpha, self.gamma)]
        return [{"alpha": alpha, "gamma": gamma} for alpha in grids[0] for gamma in grids[1]]

    def _learn(self, x: np.ndarray, y: np.ndarray, T: np.ndarray, settings: list[dict], generator) -> dict:
        device, d = resolve_device(self.device), x.shape[-1]
        pool, h = self._windowed(x), max(1, x.shape[-1] // self.reduction)
        narrow, wide = nn.Linear(d, h, bias=False), nn.Linear(h, d, bias=False)
        nn.init.zeros_(wide.weight)
        adapter = nn.Sequential(narrow, nn.ReLU(), wide).to(device)
        taught = np.flatnonzero(np.bincount(y)[y] > 1)  # others of its class are left to compare with
        if self.epochs and len(taught):
            p = torch.as_tensor(pool, dtype=torch.float32, device=device)
            owner, each = torch.as_tensor(y, device=device), torch.as_tensor(taught, device=device)

            def loss(batch, clock) -> Tensor:
                near = self._nearest(p[batch[0]], p, owner, len(T), adapter, batch[0])
                return nn.functional.cross_entropy(self.scale * near, owner[batch[0]])

            turn = Turn("mf-adapter", loss, adapter.parameters(), lambda q: torch.optim.Adam(q, lr=self.lr))
            train([turn], MiniBatches(each, size=self.batch_size, generator=generator), epochs=self.epochs)
        keys = unit_rows(x.astype(float).mean(axis=(1, 2)))
        return {"pool": pool, "owner": y, "keys": keys, "adapter": adapter.requires_grad_(False)}

    def _nearest(self, q: Tensor, pool: Tensor, owner: Tensor, s: int, adapter, own: Tensor | None = None) -> Tensor:
        """MF-Units (b, s) before scaling; ``own`` (b,): which of the shots each image is, so that it is left out."""
        mapped = nn.functional.normalize(q + adapter(q), dim=-1)
        out = []
        for c in range(s):
            at = torch.nonzero(owner == c)[:, 0]
            similar = torch.einsum("bqd,mpd->bqmp", mapped, pool[at])
            if own is not None:
                similar = similar.masked_fill((at == own[:, None])[:, None, :, None], -torch.inf)
            flat = similar.flatten(2)
            top = flat.topk(min(self.k, flat.shape[2]), dim=2).values
            there = top > -torch.inf
            out.append((top.masked_fill(~there, 0).sum(dim=2) / there.sum(dim=2)).mean(dim=1))
        return torch.stack(out, dim=1)

    def _windowed(self, x: np.ndarray) -> np.ndarray:
        """Unit means (n, p, d) of all windows of the grids x (n, gh, gw, d)."""
        parts = []
        for side in self.windows:
            if side > min(x.shape[1:3]):
                continue
            cut = np.lib.stride_tricks.sliding_window_view(x.astype(float), (side, side), axis=(1, 2))
            parts.append(cut.mean(axis=(-2, -1)).reshape(len(x), -1, x.shape[-1]))
        if not parts:
            raise InputError(f"no window of {self.windows} fits a grid of {x.shape[1:3]}")
        return unit_rows(np.concatenate(parts, axis=1))

    def _logits_each(
        self, x: np.ndarray, T: np.ndarray, place: np.ndarray, state: dict, settings: list[dict]
    ) -> Iterator[np.ndarray]:
        whole, s = unit_rows(x.astype(float).mean(axis=(1, 2))), int(state["owner"].max()) + 1
        cache = np.exp(-self.beta * (1 - whole @ state["keys"].T)) @ np.eye(s)[state["owner"]]
        # In double precision: single would let a row depend on how many come with it.
        pool, owner = torch.as_tensor(state["pool"]), torch.as_tensor(state["owner"])
        layers = [state["adapter"][i].weight.double().cpu() for i in (0, 2)]

        def adapter(q: Tensor) -> Tensor:
            return (q @ layers[0].T).relu() @ layers[1].T

        with torch.no_grad():
            blocks = torch.as_tensor(self._windowed(x)).split(64)
            near = torch.cat([self._nearest(q, pool, owner, s, adapter) for q in blocks]).numpy()
        plain = self._zero_shot(whole, T)
        for setting in settings:
            yield added(plain.copy(), setting["alpha"] * cache + setting["gamma"] * self.scale * near, place)

    def _logits(self, x: np.ndarray, T: np.ndarray, place: np.ndarray, state: dict, setting: dict) -> np.ndarray:
        return next(self._logits_each(x, T, place, state, [setting]))

    @classmethod
    def example_params(cls) -> list[dict]:
        """Given weights, few epochs."""
        given = {"alpha": 1.0, "gamma": 0.1, "windows": (1,), "epochs": 1, "scale": 10.0}
        return [given | {"device": "cpu", "random_state": 0}]
