"""CoCoOp (CVPR 2022): each image shifts the learned context, so that it carries over to new classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from zorse.core import ClassTable, Paper, Traits, resolve_device
from zorse.templates.prompt_learner import Learned, PromptLearner


class CoCoOp(PromptLearner):
    """Learn a context and a small network that shifts it by the image's embedding.

    Parameters
    ----------
    encoder : str, PromptEncoder or None
        What embedded the images, by the name that ``load_encoder`` takes (a name is
        needed to save the model). None:
        class vectors stand for words and the sum of words for a text tower, where nothing but embeddings is stored.
    n_context : int
        Learned word pieces M.
    init : str, optional
        Words that the context starts from, such as "a photo of a", in place of ``n_context`` random ones.
    scale : float, optional
        What a cosine is multiplied by; else the encoder's ``logit_scale`` (100 without an encoder).
    epochs, batch_size, lr, weight_decay
        Of stochastic gradient descent with momentum 0.9; the learning rate falls to 0 along a cosine.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    learned_ : dict of str to Tensor
        ``context`` (M, t); ``inner`` (h, d), ``inner_bias``, ``outer`` (t, h), ``outer_bias`` of the network.
    weights_ : ndarray of shape (c, d)
        Unit vector of each candidate's text before an image shifts it.
    scale_ : float
    encoder_digest_ : str or None
        Of the text tower; another one is refused, also after loading.
    history_ : list of dict
        Mean loss of each epoch.
    candidates_ : ClassTable
    classes_ : ndarray of shape (c,)
    n_features_in_ : int

    Notes
    -----
    w_c(I) = T([V + pi(I), name of c]) with pi(I) = outer relu(inner I) of a sixteenth of I's length; cross-entropy of
    ``scale * cos(I, w_c(I))``. An image has class texts of its own, so each of them passes the text tower for every
    image: predicting needs the encoder, and takes long with many classes.

    Differs from the paper: images are not augmented, since their embeddings are stored; the rate has no warm-up epoch.

    Cost: fit O(epochs n s) short texts through the tower and back. Predict O(n c) texts through the tower.

    References
    ----------
    Zhou, Yang, Loy, Liu, Conditional Prompt Learning for Vision-Language Models, CVPR 2022.
    """

    paper = Paper(
        title="Conditional Prompt Learning for Vision-Language Models",
        authors="Kaiyang Zhou, Jingkang Yang, Chen Change Loy, Ziwei Liu",
        venue="CVPR",
        year=2022,
        url="https://arxiv.org/abs/2203.05557",
        aka=("CoCoOp", "Conditional Context Optimization"),
        seed=None,
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        encoder: Any = "mini",
        n_context: int = 4,
        init: str | None = "a photo of a",
        scale: float | None = None,
        epochs: int = 10,
        batch_size: int = 1,
        lr: float = 0.002,
        weight_decay: float = 0.0005,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.scale = encoder, scale
        self.n_context, self.init = n_context, init
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and fast, in the space of the class vectors."""
        return [{"encoder": None, "init": None, "batch_size": 16, "epochs": 3, "device": "cpu", "random_state": 0}]

    def _start(self, tower: Any, table: ClassTable) -> Learned:
        t, d = tower.token_dim, table.n_semantics
        h = max(1, d // 16)
        inner, outer = torch.nn.Linear(d, h), torch.nn.Linear(h, t)  # for the paper's starting weights
        layers = {"inner": inner.weight, "inner_bias": inner.bias, "outer": outer.weight, "outer_bias": outer.bias}
        return super()._start(tower, table) | {name: layer.detach().clone() for name, layer in layers.items()}

    def _learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, table: ClassTable, generator) -> None:
        tower, names = self._tower(table), self._names(table)
        self._cosines = lambda learned, x: _cosines(learned, x, tower, names)
        try:
            super()._learn(X, y, weight, table, generator)
        finally:
            del self._cosines

    def _objective(self, learned: Learned, texts: Callable[[], Tensor], batch: Any, known: Tensor) -> Tensor:
        x, y, _ = batch
        return cross_entropy(self.scale_ * self._cosines(learned, x), y)

    @torch.no_grad()
    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        device = resolve_device(self.device)
        learned = {name: value.to(device) for name, value in self.learned_.items()}
        x = normalize(torch.tensor(X, dtype=torch.float32, device=device), dim=1)
        tower, names = self._tower(table), self._names(table)
        # One image at a time: products of another size round differently, and an answer would depend on its company.
        parts = [_cosines(learned, one[None], tower, names).cpu() for one in x]
        return self.scale_ * torch.cat(parts).double().numpy()


def _cosines(learned: Learned, x: Tensor, tower: Any, names: list[str]) -> Tensor:
    """Cosines (b, c) of images x (b, d) with the texts that each of them asks for."""
    hidden = (x @ learned["inner"].T + learned["inner_bias"]).relu()
    shift = hidden @ learned["outer"].T + learned["outer_bias"]
    contexts = (learned["context"] + shift[:, None]).repeat_interleave(len(names), dim=0)
    texts = tower.encode_tokens(contexts, names * len(x)).unflatten(0, (len(x), len(names)))
    return torch.einsum("bd,bcd->bc", x, texts)
