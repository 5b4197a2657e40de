"""Learning to Name Classes (CVPR 2023): the word of each class is learned, what stands around it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zorse.core import ClassTable, Paper, Traits
from zorse.templates.prompt_learner import Learned, PromptLearner


class LearningToName(PromptLearner):
    """Learn the word pieces of each seen class's name; classes that were not seen keep their own names.

    Parameters
    ----------
    encoder : str, PromptEncoder or None
        What embedded the images, by the name that ``load_encoder`` takes (a name is
        needed to save the model). None:
        class vectors stand for words and the sum of words for a text tower, where nothing but embeddings is stored.
    prompt : str
        Words before every name; not used without an encoder.
    penalty : float
        lambda: pulls a name back to the one it started from.
    scale : float, optional
        What a cosine is multiplied by; else the encoder's ``logit_scale`` (100 without an encoder).
    epochs, batch_size, lr, weight_decay
        Of stochastic gradient descent with momentum 0.9; the learning rate falls to 0 along a cosine.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    learned_ : dict of str to Tensor
        Of each seen label, as text: word pieces (length of its name, t).
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
    w_c = T([prompt, n_c]) with the pieces n_c learned from those of the class's name, by cross-entropy of
    ``scale * cos(I, w_c)`` plus lambda times the mean squared distance of n_c from its start. A class whose name the
    model knows badly gets a better one; what is known of other classes stays as it is. :meth:`nearest` tells which of
    some given words a learned name has come to mean, which points at wrong labels and ambiguous names.

    Differs from the paper: every word piece of a name is learned, so that training starts from the zero-shot
    classifier; the paper's use in open-vocabulary detectors is not here. Images are not augmented.

    Cost: fit O(epochs n / batch_size) passes of s short texts through the tower and back. Predict O(n c d).

    References
    ----------
    Parisot, Yang, McDonagh, Learning to Name Classes for Vision and Language Models, CVPR 2023.
    """

    paper = Paper(
        title="Learning to Name Classes for Vision and Language Models",
        authors="Sarah Parisot, Yongxin Yang, Steven McDonagh",
        venue="CVPR",
        year=2023,
        url="https://arxiv.org/abs/2304.01830",
        aka=("Learning to Name Classes", "learned class names"),
        seed=16,
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        encoder: Any = "mini",
        prompt: str = "a photo of a",
        penalty: float = 0.0,
        scale: float | None = None,
        epochs: int = 50,
        batch_size: int = 32,
        lr: float = 0.01,
        weight_decay: float = 0.0,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.scale = encoder, scale
        self.prompt, self.penalty = prompt, penalty
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and fast, in the space of the class vectors."""
        return [{"encoder": None, "epochs": 3, "device": "cpu", "random_state": 0}]

    def _start(self, tower: Any, table: ClassTable) -> Learned:
        pieces = tower.token_vectors(self._names(table))
        self._origin = [own.detach().clone() for own in pieces]
        return {str(label): own.clone() for label, own in zip(table.labels, pieces, strict=True)}

    def _learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, table: ClassTable, generator) -> None:
        super()._learn(X, y, weight, table, generator)
        del self._origin

    def _texts(self, learned: Learned, tower: Any, table: ClassTable) -> Tensor:
        before = [] if self.encoder is None else tower.token_vectors([self.prompt])
        own = tower.token_vectors(self._names(table))
        words = [learned.get(str(label), pieces) for label, pieces in zip(table.labels, own, strict=True)]
        return tower.encode_tokens([torch.cat([*before, word]) for word in words], [""] * table.n_classes)

    def _objective(self, learned: Learned, texts: Callable[[], Tensor], batch: Any, known: Tensor) -> Tensor:
        loss = super()._objective(learned, texts, batch, known)
        if not self.penalty:
            return loss
        away = [((now - then) ** 2).sum() for now, then in zip(learned.values(), self._origin, strict=True)]
        return loss + self.penalty * torch.stack(away).mean()

    @torch.no_grad()
    def nearest(self, words: list[str], k: int = 3) -> dict[str, list[str]]:
        """The ``k`` of ``words`` nearest to what each learned name says, by the cosine of their texts.

        ``words`` are ordinary words for an encoder, labels of the candidates without one.
        """
        tower = self._tower(self.candidates_)
        meant = tower.encode_tokens([own.to(tower.device) for own in self.learned_.values()], [""] * len(self.learned_))
        said = tower.encode_tokens(tower.token_vectors(words), [""] * len(words))
        best = (meant @ said.T).argsort(dim=1, descending=True, stable=True)[:, :k].tolist()
        return {label: [words[i] for i in row] for label, row in zip(self.learned_, best, strict=True)}
