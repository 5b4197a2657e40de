"""Tip-Adapter (ECCV 2022): a cache of the shots' embeddings and labels beside CLIP, as it is or fine-tuned."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from zorse.core import Paper, Traits, resolve_device
from zorse.templates import FeatureAdapter, added
from zorse.training import MiniBatches, Turn, train


class TipAdapter(FeatureAdapter):
    """Look a sample up in a cache of the shots and add what it finds to the zero-shot logits (Tip-Adapter, and -F).

    Parameters
    ----------
    alpha, beta : float, optional, default=None
        Weight of the cache, and sharpness of its affinities. None: by cross-validation on the shots, 1 and 5.5 where
        there is nothing to validate on.
    fine_tuned : bool, default=False
        True: train the keys of the cache (Tip-Adapter-F), with alpha 1 and beta 5.5 unless they are given.
    epochs, batch_size, lr : int, int, float, default=20, 256, 1e-3
        Of AdamW on a cosine schedule, where ``fine_tuned``.
    scale : float, default=100.0
        Inverse temperature of CLIP; the encoder's ``logit_scale``.
    n_folds : int, default=4
    random_state : int, RandomState or None
        Of folds and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    setting_, validation_
        The alpha and beta in use, and their accuracy on held-out shots.
    state_ : dict
        ``keys`` (n, d) and ``values`` (n, s) of the cache.

    Notes
    -----
    A sample x of unit length scores ``scale cos(x, t_c) + alpha sum_i exp(-beta (1 - x' f_i)) [y_i = c]`` over the
    shots f_i; a class without shots keeps its zero-shot score. With ``fine_tuned`` the f_i are trained by
    cross-entropy from where they stand, labels and texts stay.

    Differs from the paper: shots are not augmented; alpha and beta come from cross-validation on the shots, in place
    of a search on a validation set.

    Cost: fit O(1), or O(epochs n^2 (d + s)) where fine-tuned; cross-validation O(n^2 (d + g s)) for g settings.
    Predict O(n m (d + s)) for m shots.

    References
    ----------
    Zhang, Zhang, Fang, Gao, Li, Dai, Qiao, Li. Tip-Adapter: Training-free Adaption of CLIP for Few-shot
    Classification. ECCV 2022.
    """

    paper = Paper(
        title="Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification",
        authors="Renrui Zhang, Wei Zhang, Rongyao Fang, Peng Gao, Kunchang Li, Jifeng Dai, Yu Qiao, Hongsheng Li",
        venue="ECCV",
        year=2022,
        url="https://arxiv.org/abs/2207.09519",
        aka=("Tip-Adapter", "Tip-Adapter-F", "training-free CLIP adapter", "cache model"),
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        alpha: float | None = None,
        beta: float | None = None,
        fine_tuned: bool = False,
        epochs: int = 20,
        batch_size: int = 256,
        lr: float = 1e-3,
        scale: float = 100.0,
        n_folds: int = 4,
        random_state=None,
        device: str = "auto",
    ):
        self.alpha = alpha
        self.beta = beta
        self.fine_tuned = fine_tuned
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.scale = scale
        self.n_folds = n_folds
        self.random_state = random_state
        self.device = device

    def _settings(self) -> list[dict]:
        alphas = (1.0, 0.1, 0.3, 3.0, 10.0, 30.0) if self.alpha is None else (self.alpha,)
        betas = (5.5, 1.0, 2.0, 10.0, 20.0) if self.beta is None else (self.beta,)
        return [{"alpha": alpha, "beta": beta} for alpha in alphas for beta in betas]

    def _learn(self, x: np.ndarray, y: np.ndarray, T: np.ndarray, settings: list[dict], generator) -> dict:
        keys, values = x, np.eye(len(T))[y]
        if self.fine_tuned:
            keys = self._tuned(x, y, T, values, generator)
        return {"keys": keys, "values": values}

    def _tuned(self, x: np.ndarray, y: np.ndarray, T: np.ndarray, values: np.ndarray, generator) -> np.ndarray:
        device = resolve_device(self.device)
        alpha, beta = self.alpha or 1.0, 5.5 if self.beta is None else self.beta
        f, t, L = (torch.as_tensor(a, dtype=torch.float32, device=device) for a in (x, T, values))
        keys = nn.Parameter(f.clone())

        def loss(batch, clock):
            turn.opt.param_groups[0]["lr"] = self.lr * (1 + np.cos(np.pi * clock.fraction)) / 2
            cache = torch.exp(-beta * (1 - batch[0] @ keys.T)) @ L
            return nn.functional.cross_entropy(self.scale * batch[0] @ t.T + alpha * cache, batch[1])

        turn = Turn("tip", loss, [keys], lambda p: torch.optim.AdamW(p, lr=self.lr, eps=1e-4))
        batches = MiniBatches(f, torch.as_tensor(y, device=device), size=self.batch_size, generator=generator)
        train([turn], batches, epochs=self.epochs)
        return keys.detach().double().cpu().numpy()

    def _logits(self, x: np.ndarray, T: np.ndarray, place: np.ndarray, state: dict, setting: dict) -> np.ndarray:
        affinity = np.exp(-setting["beta"] * (1 - x @ state["keys"].T))
        return added(self._zero_shot(x, T), setting["alpha"] * (affinity @ state["values"]), place)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Without training, and fine-tuned."""
        tuned = {"fine_tuned": True, "alpha": 1.0, "epochs": 3, "n_folds": 2, "device": "cpu"}
        return [{"random_state": 0}, tuned | {"random_state": 0}]
