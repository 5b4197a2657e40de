"""DPA (WACV 2025): textual and image prototypes label unlabelled samples together, and are pulled into line."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from zorse.core import Paper, Traits
from zorse.nn.grouping import class_means
from zorse.templates import TextPrototypes
from zorse.training import Clock, Turn


class DPA(TextPrototypes):
    """Train textual prototypes on pseudo-labels that image prototypes help to give, weighted by how sure both are.

    Parameters
    ----------
    fusion : float, default=0.5
        Share of the image prototypes in a pseudo-label.
    fairness : float, default=1.0
        Weight of the loss that keeps the mean answer even.
    align : float, default=1.0
        Weight of the loss that lets each image prototype find its own textual one.
    memory : int, default=32
        Batches over which textual answers are evened out.
    noise : float, default=0.1
        Length of the random vector that makes the strong view of an embedding.
    scale : float, default=100.0
        Inverse temperature of CLIP; the encoder's ``logit_scale``.
    epochs, batch_size : int, default=15, 64
    lr, weight_decay : float, default=1e-3, 0.05
        Of AdamW.
    random_state : int, RandomState or None
        Of shuffling and noise.
    device : str, default="auto"

    Attributes
    ----------
    prototypes_ : ndarray of shape (c, d)
        Unit textual prototypes of the classes of ``labels_``, as trained.
    history_ : list of dict
        Mean loss, an entry an epoch.

    Notes
    -----
    Of a sample, p_txt = softmax(scale x T'), divided by its running mean over the last ``memory`` batches and made to
    sum to 1, and p_img = softmax(scale x C') give the pseudo-label y of ``fusion`` p_img + (1 - ``fusion``) p_txt; its
    weight is p_img(y) / max p_img times that of the plain p_txt. The loss is the weighted cross-entropy of the strong
    view, minus ``fairness`` times the mean log of the batch's mean answer, plus ``align`` times the cross-entropy of
    each image prototype among the textual ones. The image prototypes C are the means of the samples by pseudo-label,
    anew each epoch; a class that has none keeps its text.

    Differs from the paper: the textual prototypes train, the image encoder (there its normalisation layers) is frozen,
    so that stored embeddings suffice; the strong view is a noisy embedding, not an augmented image; hence lr is 1e-3.

    Cost: O(epochs m c d). Predict O(n c d).

    References
    ----------
    Ali, Silva, Khan. DPA: Dual Prototypes Alignment for Unsupervised Adaptation of Vision-Language Models. WACV 2025.
    """

    paper = Paper(
        title="DPA: Dual Prototypes Alignment for Unsupervised Adaptation of Vision-Language Models",
        authors="Eman Ali, Sathira Silva, Muhammad Haris Khan",
        venue="WACV",
        year=2025,
        url="https://arxiv.org/abs/2408.08855",
        aka=("DPA", "dual prototypes alignment"),
        seed=100,
    )
    traits = Traits(trained=False, needs_unlabelled=True, aligned_space=True)

    def __init__(
        self,
        fusion: float = 0.5,
        fairness: float = 1.0,
        align: float = 1.0,
        memory: int = 32,
        noise: float = 0.1,
        scale: float = 100.0,
        epochs: int = 15,
        batch_size: int = 64,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        random_state=None,
        device: str = "auto",
    ):
        self.fusion = fusion
        self.fairness = fairness
        self.align = align
        self.memory = memory
        self.noise = noise
        self.scale = scale
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _optimizer(self, params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(params, lr=self.lr, weight_decay=self.weight_decay)

    def _before_epoch(self, x: Tensor, W: Tensor, T: Tensor) -> None:
        told = (self.scale * x @ W.T).softmax(dim=1)
        if not hasattr(self, "_images"):
            self._images = T
            self._means: list[Tensor] = []
            labels = told.argmax(dim=1)
        else:
            mean = torch.stack(self._means).mean(dim=0) if self._means else told.mean(dim=0)
            labels = self._fused(x, told, mean).argmax(dim=1)
        self._images = image_prototypes(x, labels, T)

    def _fused(self, x: Tensor, told: Tensor, mean: Tensor) -> Tensor:
        """Pseudo-label probabilities (b, c) from textual ones, whose running mean is ``mean`` (c,)."""
        shown = (self.scale * x @ self._images.T).softmax(dim=1)
        return self.fusion * shown + (1 - self.fusion) * evened(told, mean)

    def _loss(self, x: Tensor, W: Tensor, T: Tensor, clock: Clock, turn: Turn) -> Tensor:
        with torch.no_grad():
            told, shown = (self.scale * x @ W.T).softmax(dim=1), (self.scale * x @ self._images.T).softmax(dim=1)
            self._means = [*self._means, told.mean(dim=0)][-self.memory :]
            labels = self._fused(x, told, torch.stack(self._means).mean(dim=0)).argmax(dim=1)
            weights = ranking_weights(shown, labels) * ranking_weights(told, labels)
        strong = F.normalize(x + self.noise * F.normalize(torch.randn_like(x), dim=1), dim=1)
        logits = self.scale * strong @ W.T
        own = (weights * F.cross_entropy(logits, labels, reduction="none")).mean()
        even = -torch.log(logits.softmax(dim=1).mean(dim=0).clamp_min(1e-12)).mean()
        aligned = F.cross_entropy(self.scale * self._images @ W.T, torch.arange(len(W), device=W.device))
        return own + self.fairness * even + self.align * aligned

    def _forget(self) -> None:
        del self._images, self._means

    @classmethod
    def example_params(cls) -> list[dict]:
        """Few epochs."""
        return [{"epochs": 3, "scale": 20.0, "device": "cpu", "random_state": 0}]


def evened(p: Tensor, mean: Tensor) -> Tensor:
    """Probabilities (b, c) divided by a mean (c,), rows summing to 1 again."""
    out = p / mean.clamp_min(1e-12)
    return out / out.sum(dim=1, keepdim=True)


def ranking_weights(p: Tensor, labels: Tensor) -> Tensor:
    """How near the label comes to being the likeliest, (b,) in [0, 1]."""
    return p.gather(1, labels[:, None])[:, 0] / p.max(dim=1).values


def image_prototypes(x: Tensor, labels: Tensor, T: Tensor) -> Tensor:
    """Unit mean (c, d) of the samples x (m, d) of each label; the text T of a class that has none."""
    means, present = class_means(x, labels, len(T))
    out = T.clone()
    out[present] = F.normalize(means[present], dim=1)
    return out
