"""ProGrad (ICCV 2023): a learned context goes where the labels pull, never against what the model knew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from zorse.core import Paper, Traits
from zorse.nn.gradients import without_conflict
from zorse.templates.prompt_learner import Learned, PromptLearner


class ProGrad(PromptLearner):
    """Learn a context by the part of the labels' gradient that does not undo the zero-shot prediction.

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
    strength : float
        lambda: how much of the conflicting part is taken out; 0 is CoOp.
    temperature : float
        Of both distributions in the divergence.
    scale : float, optional
        What a cosine is multiplied by; else the encoder's ``logit_scale`` (100 without an encoder).
    epochs, batch_size, lr, weight_decay
        Of stochastic gradient descent with momentum 0.9; the learning rate falls to 0 along a cosine.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    learned_ : dict of str to Tensor
        ``context`` (M, t), for word pieces of length t.
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
    a is the gradient of the cross-entropy with the labels, b that of the divergence from the zero-shot distribution,
    whose class vectors are the table's (hand-written prompts, filled with the names). Where a . b >= 0 the step follows
    a, else a - lambda (a . b / |b|^2) b, for each learned tensor (Equation 5). New classes get the learned context.

    Differs from the paper: images are not augmented, since their embeddings are stored; the rate has no warm-up epoch.
    Teacher and student share one scale.

    Cost: fit O(epochs n / batch_size) passes of s short texts through the tower and two back. Predict O(n c d).

    References
    ----------
    Zhu, Niu, Han, Wu, Zhang, Prompt-aligned Gradient for Prompt Tuning, ICCV 2023.
    """

    paper = Paper(
        title="Prompt-aligned Gradient for Prompt Tuning",
        authors="Beier Zhu, Yulei Niu, Yucheng Han, Yue Wu, Hanwang Zhang",
        venue="ICCV",
        year=2023,
        url="https://arxiv.org/abs/2205.14865",
        aka=("ProGrad", "Prompt-aligned Gradient"),
        seed=148,
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        encoder: Any = "mini",
        n_context: int = 16,
        init: str | None = None,
        strength: float = 1.0,
        temperature: float = 1.0,
        scale: float | None = None,
        epochs: int = 100,
        batch_size: int = 32,
        lr: float = 0.002,
        weight_decay: float = 0.0005,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder, self.scale = encoder, scale
        self.n_context, self.init = n_context, init
        self.strength, self.temperature = strength, temperature
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.device, self.random_state = device, random_state

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and fast, in the space of the class vectors."""
        return [{"encoder": None, "n_context": 4, "epochs": 3, "device": "cpu", "random_state": 0}]

    def _objective(self, learned: Learned, texts: Callable[[], Tensor], batch: Any, known: Tensor) -> Tensor:
        x, y, _ = batch
        logits, t = self.scale_ * x @ texts().T, self.temperature
        of_labels = cross_entropy(logits, y)
        of_knowledge = t**2 * cross_entropy(logits / t, (self.scale_ * x @ known.T / t).softmax(dim=1))
        params = list(learned.values())
        a = torch.autograd.grad(of_labels, params, retain_graph=True)
        b = torch.autograd.grad(of_knowledge, params)
        steps = [without_conflict(*pair, strength=self.strength) for pair in zip(a, b, strict=True)]
        # A scalar with the value of the cross-entropy and the gradient that is wanted.
        pull = sum(((p - p.detach()) * step).sum() for p, step in zip(params, steps, strict=True))
        return of_labels.detach() + pull
