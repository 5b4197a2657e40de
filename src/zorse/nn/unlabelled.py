"""Losses on samples without labels, from their cosines with c prototypes."""

from __future__ import annotations

import torch
from torch import Tensor


def conditional_transport(cosines: Tensor, scale: float) -> Tensor:
    """Cost 1 - cos of moving samples to prototypes and back, each by a softmax over the other side; cosines (b, c).

    mean_i sum_c (1 - cos_ic) softmax_c(scale cos_i.) + mean_c sum_i (1 - cos_ic) softmax_i(scale cos_.c).
    """
    cost, logits = 1 - cosines, scale * cosines
    forth = (cost * logits.softmax(dim=1)).sum(dim=1).mean()
    return forth + (cost * logits.softmax(dim=0)).sum(dim=0).mean()


def information_loss(p: Tensor) -> Tensor:
    """Mean entropy of the rows of ``p`` (b, c) less the entropy of their mean: minus their mutual information."""
    mean = p.mean(dim=0)
    return entropy(p).mean() - entropy(mean)


def entropy(p: Tensor) -> Tensor:
    """-sum p log p along the last axis; 0 log 0 is 0."""
    return -torch.xlogy(p, p.clamp_min(1e-12)).sum(dim=-1)
