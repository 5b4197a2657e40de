"""POUF (ICML 2023): class prototypes moved onto unlabelled samples by transport and mutual information."""

from __future__ import annotations

import torch
from torch import Tensor

from zorse.core import Paper, Traits
from zorse.nn.unlabelled import conditional_transport, information_loss
from zorse.templates import TextPrototypes
from zorse.training import Clock, Turn


class POUF(TextPrototypes):
    """Fine-tune class prototypes without labels: transport between samples and classes, and confident, even answers.

    Parameters
    ----------
    balance : float, default=0.3
        Weight of the mutual-information loss.
    scale : float, default=100.0
        Inverse temperature of CLIP; the encoder's ``logit_scale``.
    epochs : int, default=10
    batch_size : int, default=96
    lr : float, default=0.01
        Of SGD, falling as (1 + ``decay`` step)^-0.75.
    decay : float, default=2e-4
    weight_decay : float, default=1e-3
    random_state : int, RandomState or None
        Of shuffling.
    device : str, default="auto"

    Attributes
    ----------
    prototypes_ : ndarray of shape (c, d)
        Unit prototypes of the classes of ``labels_``.
    history_ : list of dict
        Mean loss, an entry an epoch.

    Notes
    -----
    With cosines of samples and prototypes, the loss of a batch is the cost 1 - cos of moving samples to prototypes and
    prototypes to samples, each by a softmax of scaled cosines over the other side, plus ``balance`` times the mean
    entropy of the answers less the entropy of their mean. No label is looked at; a class unknown to ``fit`` is scored
    by its text.

    Differs from the paper: the prototypes themselves move, not prompts or the whole model behind them, so that stored
    embeddings suffice; the image encoder is frozen, samples are not augmented.

    Cost: O(epochs m c d). Predict O(n c d).

    References
    ----------
    Tanwisuth, Zhang, Zheng, He, Zhou. POUF: Prompt-Oriented Unsupervised Fine-tuning for Large Pre-trained Models.
    ICML 2023.
    """

    paper = Paper(
        title="POUF: Prompt-oriented unsupervised fine-tuning for large pre-trained models",
        authors="Korawat Tanwisuth, Shujian Zhang, Huangjie Zheng, Pengcheng He, Mingyuan Zhou",
        venue="ICML",
        year=2023,
        url="https://arxiv.org/abs/2305.00350",
        aka=("POUF", "prompt-oriented unsupervised fine-tuning"),
        seed=108,
    )
    traits = Traits(trained=False, needs_unlabelled=True, aligned_space=True)

    def __init__(
        self,
        balance: float = 0.3,
        scale: float = 100.0,
        epochs: int = 10,
        batch_size: int = 96,
        lr: float = 0.01,
        decay: float = 2e-4,
        weight_decay: float = 1e-3,
        random_state=None,
        device: str = "auto",
    ):
        self.balance = balance
        self.scale = scale
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.decay = decay
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(params, lr=self.lr, momentum=0.9, nesterov=True, weight_decay=self.weight_decay)

    def _loss(self, x: Tensor, W: Tensor, T: Tensor, clock: Clock, turn: Turn) -> Tensor:
        turn.opt.param_groups[0]["lr"] = self.lr * (1 + self.decay * clock.step) ** -0.75
        cosines = x @ W.T
        answers = (self.scale * cosines).softmax(dim=1)
        return conditional_transport(cosines, self.scale) + self.balance * information_loss(answers)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few epochs."""
        return [{"epochs": 3, "scale": 20.0, "device": "cpu", "random_state": 0}]
