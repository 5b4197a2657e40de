"""Linear softmax classifier trained with Adam."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zorse.training.batches import MiniBatches
from zorse.training.loop import Turn, train


def fit_softmax(
    X: Tensor,
    y: Tensor,
    n_classes: int,
    *,
    epochs: int,
    lr: float,
    batch_size: int,
    generator: torch.Generator,
    betas: tuple[float, float] = (0.5, 0.999),
) -> nn.Linear:
    """Fit logits (n, n_classes) to integer labels ``y`` (n,) by cross-entropy; cost O(epochs n d n_classes)."""
    head = nn.Linear(X.shape[1], n_classes).to(X.device)
    turn = Turn(
        "softmax",
        lambda batch, clock: nn.functional.cross_entropy(head(batch[0]), batch[1]),
        head.parameters(),
        lambda p: torch.optim.Adam(p, lr=lr, betas=betas),
    )
    train([turn], MiniBatches(X, y, size=batch_size, generator=generator), epochs=epochs)
    return head.requires_grad_(False)
