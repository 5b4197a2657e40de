"""RAM (2023): open-set tagging, each tag described by texts that the image itself weighs."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import ClassTable, Paper, Traits, ZeroShotTagger
from zorse.core.random import seeded
from zorse.nn.losses import asymmetric_loss
from zorse.nn.vectors import unit_rows
from zorse.training import Clock, MiniBatches, Turn, train


class RAM(ZeroShotTagger):
    """Recognise anything: tag embedded images with any tag that has texts, its descriptions weighed by the image.

    Parameters
    ----------
    temperature : float, default=0.07
        Where the learned temperature of the weights of a tag's descriptions starts.
    gamma_negative : float, default=7.0
        Focus of the asymmetric loss on absent tags that are told with confidence.
    gamma_positive : float, default=0.0
    clip : float, default=0.05
        Probability below which an absent tag costs nothing.
    epochs : int, default=20
    batch_size : int, default=64
    lr : float, default=0.001
    weight_decay : float, default=1e-4
    random_state : int, RandomState or None

    Attributes
    ----------
    projection_ : ndarray of shape (d, d)
        A: an image x is seen as normalize(x + x A).
    temperature_, scale_, bias_ : float
        Of the weights; of the logits.
    threshold_ : float
    seen_ : ndarray of labels

    Notes
    -----
    The descriptions e_cd of tag c (``ClassTable.prompts``, else its vector) are weighed by softmax_d(x e_cd /
    temperature) for the image x at hand, summed to its embedding t_c(x), and the logit is ``scale_`` * <x', t_c(x)> +
    ``bias_``, trained by the asymmetric loss over the seen tags. A tag that nobody has tagged needs nothing but texts.

    Differs from the paper: embeddings are given, so that the image encoder, the captioning loss and distillation from
    CLIP are left out, and a linear map takes the place of the two layers of cross-attention to image tokens. Weighing
    descriptions is from the paper's sequel, RAM++.

    Cost: with P texts in all O(epochs n P d) to fit, O(n P d) to score, images in blocks.

    References
    ----------
    Zhang et al. Recognize Anything: A Strong Image Tagging Model. CVPR Workshops 2024. Huang et al. Open-Set Image
    Tagging with Multi-Grained Text Supervision. 2023.
    """

    paper = Paper(
        title="Recognize Anything: A Strong Image Tagging Model",
        authors=(
            "Youcai Zhang, Xinyu Huang, Jinyu Ma, Zhaoyang Li, Zhaochuan Luo, Yanchun Xie, Yuzhuo Qin, Tong Luo, "
            "Yaqian Li, Shilong Liu, Yandong Guo, Lei Zhang"
        ),
        venue="CVPR Workshops",
        year=2024,
        url="https://arxiv.org/abs/2306.03514",
        aka=("RAM", "RAM++", "Recognize Anything"),
        seed=140,
    )
    traits = Traits(aligned_space=True)

    def __init__(
        self,
        temperature: float = 0.07,
        gamma_negative: float = 7.0,
        gamma_positive: float = 0.0,
        clip: float = 0.05,
        epochs: int = 20,
        batch_size: int = 64,
        lr: float = 0.001,
        weight_decay: float = 1e-4,
        random_state=None,
    ):
        self.temperature = temperature
        self.gamma_negative = gamma_negative
        self.gamma_positive = gamma_positive
        self.clip = clip
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state

    def _fit(self, X: np.ndarray, Y: np.ndarray, table: ClassTable) -> None:
        d, (texts, place) = X.shape[1], _texts(table)
        A = nn.Parameter(torch.zeros(d, d))
        # Temperature and scale as logarithms; the bias is that of a rare tag.
        free = nn.Parameter(torch.tensor([np.log(self.temperature), np.log(10.0), -3.0], dtype=torch.float32))

        def loss(batch: tuple[Tensor, ...], clock: Clock) -> Tensor:
            logits = _logits(batch[0], texts, place, A, free)
            return asymmetric_loss(logits, batch[1], self.gamma_positive, self.gamma_negative, self.clip)

        x, y = _unit(X), torch.from_numpy(Y.astype(np.float32))
        adam = partial(torch.optim.AdamW, lr=self.lr, weight_decay=self.weight_decay)
        with seeded(self.random_state) as generator:
            batches = MiniBatches(x, y, size=self.batch_size, generator=generator)
            train([Turn("tags", loss, [A, free], adam)], batches, epochs=self.epochs)
        self.projection_ = A.detach().numpy()
        log_temperature, log_scale, self.bias_ = free.detach().double().tolist()
        self.temperature_, self.scale_ = float(np.exp(log_temperature)), float(np.exp(log_scale))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        texts, place = _texts(table)
        free = torch.tensor([np.log(self.temperature_), np.log(self.scale_), self.bias_], dtype=torch.float32)
        A, x = torch.from_numpy(self.projection_), _unit(X)
        blocks = x.split(max(1, 5_000_000 // place.numel()))
        return torch.cat([_logits(part, texts, place, A, free) for part in blocks]).double().numpy()

    @classmethod
    def example_params(cls) -> list[dict]:
        """Short training."""
        return [{"epochs": 15, "batch_size": 32, "lr": 0.01, "random_state": 0}]


def _unit(X: np.ndarray) -> Tensor:
    return torch.from_numpy(unit_rows(X).astype(np.float32))


def _texts(table: ClassTable) -> tuple[Tensor, Tensor]:
    """Every description (P, d), and which are those of a tag, (c, most) padded by P."""
    prompts = table.prompts or tuple(table.vectors[:, None])
    sizes = np.array([len(p) for p in prompts])
    place = np.full((len(prompts), sizes.max()), sizes.sum())
    place[np.arange(sizes.max()) < sizes[:, None]] = np.arange(sizes.sum())
    return _unit(np.concatenate(prompts)), torch.from_numpy(place)


def _logits(x: Tensor, texts: Tensor, place: Tensor, A: Tensor, free: Tensor) -> Tensor:
    seen = nn.functional.normalize(x + x @ A, dim=1)
    # A column of its own for what is padded: no weight, no product.
    near = nn.functional.pad(x @ texts.T / free[0].exp(), (0, 1), value=-torch.inf)[:, place]
    says = nn.functional.pad(seen @ texts.T, (0, 1))[:, place]
    return free[1].exp() * (near.softmax(dim=2) * says).sum(dim=2) + free[2]
