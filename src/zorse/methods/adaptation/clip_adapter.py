"""CLIP-Adapter (IJCV 2024): a small residual network on image embeddings, trained on a few shots."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from zorse.core import Paper, Traits, resolve_device
from zorse.nn.vectors import unit_rows
from zorse.templates import FeatureAdapter
from zorse.training import MiniBatches, Turn, train


class CLIPAdapter(FeatureAdapter):
    """Blend an image embedding with what a bottleneck network makes of it, before texts are compared with it.

    Parameters
    ----------
    ratio : float, optional, default=None
        Share of the adapted embedding; None: 0.2 or 0.6, the authors' values, by cross-validation on the shots.
    reduction : int, default=4
        The bottleneck is this many times narrower than an embedding.
    epochs, batch_size, lr : int, int, float, default=100, 32, 1e-4
        Of Adam.
    scale : float, default=100.0
        Inverse temperature of CLIP; the encoder's ``logit_scale``.
    n_folds : int, default=2
    random_state : int, RandomState or None
        Of folds, initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    setting_, validation_
        The ratio in use, and its accuracy on held-out shots.
    state_ : dict
        A network for each ratio.

    Notes
    -----
    A sample x scores ``scale cos(ratio A(x) + (1 - ratio) x, t_c)`` with A(x) = relu(W2 relu(W1 x)), trained by
    cross-entropy over the classes that have shots. Texts stay as they are, so that classes without shots are scored
    in the same way.

    Differs from the paper: the visual adapter alone, which the paper reports as its best; the ratio is
    cross-validated; the learning rate is 1e-4, not 1e-5, which on short embeddings hardly moves the network.

    Cost: O(epochs n d (d / reduction + s)) for each ratio and fold. Predict O(n d (d / reduction + c)).

    References
    ----------
    Gao, Geng, Zhang, Ma, Fang, Zhang, Li, Qiao. CLIP-Adapter: Better Vision-Language Models with Feature Adapters.
    IJCV 2024.
    """

    paper = Paper(
        title="CLIP-Adapter: Better Vision-Language Models with Feature Adapters",
        authors="Peng Gao, Shijie Geng, Renrui Zhang, Teli Ma, Rongyao Fang, Yongfeng Zhang, Hongsheng Li, Yu Qiao",
        venue="IJCV",
        year=2024,
        url="https://arxiv.org/abs/2110.04544",
        aka=("CLIP-Adapter", "feature adapter"),
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        ratio: float | None = None,
        reduction: int = 4,
        epochs: int = 100,
        batch_size: int = 32,
        lr: float = 1e-4,
        scale: float = 100.0,
        n_folds: int = 2,
        random_state=None,
        device: str = "auto",
    ):
        self.ratio = ratio
        self.reduction = reduction
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.scale = scale
        self.n_folds = n_folds
        self.random_state = random_state
        self.device = device

    def _settings(self) -> list[dict]:
        return [{"ratio": ratio} for ratio in ((0.2, 0.6) if self.ratio is None else (self.ratio,))]

    def _learn(self, x: np.ndarray, y: np.ndarray, T: np.ndarray, settings: list[dict], generator) -> dict:
        device, d = resolve_device(self.device), x.shape[1]
        f, t = (torch.as_tensor(a, dtype=torch.float32, device=device) for a in (x, T))
        target, out, h = torch.as_tensor(y, device=device), {}, max(1, d // self.reduction)
        for setting in settings:
            ratio = setting["ratio"]
            layers = nn.Linear(d, h, bias=False), nn.ReLU(), nn.Linear(h, d, bias=False), nn.ReLU()
            network = nn.Sequential(*layers).to(device)

            def loss(batch, clock, network=network, ratio=ratio):
                adapted = ratio * network(batch[0]) + (1 - ratio) * batch[0]
                logits = self.scale * nn.functional.normalize(adapted, dim=1) @ t.T
                return nn.functional.cross_entropy(logits, batch[1])

            batches = MiniBatches(f, target, size=self.batch_size, generator=generator)
            turn = Turn("clip-adapter", loss, network.parameters(), lambda p: torch.optim.Adam(p, lr=self.lr))
            train([turn], batches, epochs=self.epochs)
            out[repr(ratio)] = network.requires_grad_(False)
        return {"networks": nn.ModuleDict({name.replace(".", "_"): network for name, network in out.items()})}

    def _logits(self, x: np.ndarray, T: np.ndarray, place: np.ndarray, state: dict, setting: dict) -> np.ndarray:
        layers = state["networks"][repr(setting["ratio"]).replace(".", "_")]
        # In double precision: single would let a row depend on how many come with it.
        inner, outer = (layers[i].weight.double().cpu().numpy() for i in (0, 2))
        adapted = np.maximum(np.maximum(x @ inner.T, 0) @ outer.T, 0)
        return self._zero_shot(unit_rows(setting["ratio"] * adapted + (1 - setting["ratio"]) * x), T)

    @classmethod
    def example_params(cls) -> list[dict]:
        """A given ratio, few epochs."""
        return [{"ratio": 0.2, "epochs": 5, "device": "cpu", "random_state": 0}]
