"""Linear softmax classifiers: trained with Adam, or to the optimum of a penalised likelihood."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from zorse.training.batches import MiniBatches
from zorse.training.loop import Turn, train

BETAS = (0.5, 0.999)


def fit_softmax(
    X: Tensor,
    y: Tensor,
    n_classes: int,
    *,
    epochs: int,
    lr: float,
    batch_size: int,
    generator: torch.Generator,
    betas: tuple[float, float] = BETAS,
) -> nn.Linear:
    """Fit logits (n, n_classes) to integer labels ``y`` (n,) by cross-entropy; cost O(epochs n d n_classes)."""
    batches = MiniBatches(X, y, size=batch_size, generator=generator)
    return fit_linear_softmax(batches, X.shape[1], n_classes, epochs=epochs, lr=lr, betas=betas)


def fit_linear_softmax(
    batches: MiniBatches, d: int, n_classes: int, *, epochs: int, lr: float, betas: tuple[float, float] = BETAS
) -> nn.Linear:
    """The same for batches of samples (b, d) and labels (b,), whatever they are made from."""
    head = nn.Linear(d, n_classes).to(batches.device)
    turn = Turn(
        "softmax",
        lambda batch, clock: nn.functional.cross_entropy(head(batch[0]), batch[1]),
        head.parameters(),
        lambda p: torch.optim.Adam(p, lr=lr, betas=betas, fused=True),
    )
    train([turn], batches, epochs=epochs)
    return head.requires_grad_(False)


def softmax_regression(X: np.ndarray, target: np.ndarray, C: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (s, d) and intercepts (s,) of s classes numbered from 0, with an l2 penalty of inverse strength ``C``."""
    base = LogisticRegression(C=C, max_iter=1000).fit(X, target)
    coef, intercept = base.coef_, base.intercept_
    if len(coef) == 1:  # with two classes scikit-learn keeps the one difference
        coef, intercept = np.vstack([-coef, coef]) / 2, np.append(-intercept, intercept) / 2
    return coef, intercept
