"""ECO (2023): several short contexts are learned, and the mean of what they say is the class."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from zorse.core import ClassTable, Paper, Traits
from zorse.templates.prompt_learner import Learned, PromptLearner


class ECO(PromptLearner):
    """Learn an ensemble of contexts whose class texts are averaged, at one prompt's cost when predicting.

    Parameters
    ----------
    encoder : str, PromptEncoder or None
        What embedded the images, by the name that ``load_encoder`` takes (a name is
        needed to save the model). None:
        class vectors stand for words and the sum of words for a text tower, where nothing but embeddings is stored.
    n_prompts : int
        Contexts K.
    n_context : int
        Learned word pieces of each.
    scale : float, optional
        What a cosine is multiplied by; else the encoder's ``logit_scale`` (100 without an encoder).
    epochs, batch_size, lr, weight_decay
        Of stochastic gradient descent with momentum 0.9; the learning rate falls to 0 along a cosine.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    learned_ : dict of str to Tensor
        ``context`` (K, M, t), for word pieces of length t.
    weights_ : ndarray of shape (c, d)
        Unit vector of each candidate's text.
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
    w_c = normalize(mean_k normalize(T([V_k, name of c]))), trained as in CoOp, to which one context comes down; nothing
    but their random starts makes the contexts differ. All K texts of all classes are one batch.

    Differs from the paper: images are not augmented, since their embeddings are stored. How K and M share the budget of
    word pieces is a free choice here: 4 contexts of 4 pieces, as many as CoOp's 16.

    Cost: fit O(epochs n / batch_size) passes of K s short texts through the tower and back. Predict O(n c d).

    References
    ----------
    Agnolucci, Baldrati, Todino, Becattini, Bertini, Del Bimbo, ECO: Ensembling Context Optimization for Vision-Language
    Models, ICCV Workshops 2023.
    """

    paper = Paper(
        title="ECO: Ensembling Context Optimization for Vision-Language Models",
        authors="Lorenzo Agnolucci, Alberto Baldrati, Francesco Todino, Federico Becattini, Marco Bertini, "
        "Alberto Del Bimbo",
        venue="ICCV Workshops",
        year=2023,
        url="https://arxiv.org/abs/2307.14063",
        aka=("ECO", "Ensembling Context Optimization"),
        seed=105,
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        encoder: Any = "mini",
        n_prompts: int = 4,
        n_context: int = 4,
        scale: float | None = None,
        epochs: int = 200,
        batch_size: int = 32,
        lr: float = 0.002,
        weight_decay: float = 0.0005,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.scale = encoder, scale
        self.n_prompts, self.n_context = n_prompts, n_context
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and fast, in the space of the class vectors."""
        return [{"encoder": None, "n_prompts": 2, "n_context": 2, "epochs": 3, "device": "cpu", "random_state": 0}]

    def _start(self, tower: Any, table: ClassTable) -> Learned:
        return {"context": 0.02 * torch.randn(self.n_prompts, self.n_context, tower.token_dim)}

    def _texts(self, learned: Learned, tower: Any, table: ClassTable) -> Tensor:
        context = learned["context"].repeat_interleave(table.n_classes, dim=0)
        texts = tower.encode_tokens(context, self._names(table) * self.n_prompts)
        return normalize(texts.unflatten(0, (self.n_prompts, -1)).mean(dim=0), dim=1)
