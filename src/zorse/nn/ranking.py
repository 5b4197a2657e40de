"""Losses that ask the right class to score above the wrong ones by a margin."""

from __future__ import annotations

import torch
from torch import Tensor


def hinges(scores: Tensor, target: Tensor, margin: float = 1.0) -> Tensor:
    """max(0, margin + score of a wrong class - score of the right one), shape (n, c); 0 in the right column."""
    l = (margin + scores - scores.gather(1, target[:, None])).clamp(min=0)
    return l.scatter(1, target[:, None], 0.0)


def weighted_ranking(l: Tensor) -> Tensor:
    """Mean over samples of beta_r / r times the sum of a row of hinges (n, c), r of which are above 0.

    beta_r = 1 + 1/2 + .. + 1/r, so that an error near the top of the ranking weighs most.
    """
    r = (l > 0).sum(dim=1)
    return (_beta(l)[r] / r.clamp(min=1) * l.sum(dim=1)).mean()


def sampled_weighted_ranking(l: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """WSABIE's draw in place of the count: of hinges (n, c) the first above 0 among c - 1 draws of wrong classes.

    Found at the k-th draw, it is weighed by beta of floor((c - 1) / k). Draws are with replacement, by a CPU generator.
    """
    n, c = l.shape
    drawn = torch.randint(c - 1, (n, c - 1), generator=generator).to(l.device)
    drawn = drawn + (drawn >= target[:, None])  # any class but the right one
    violates = l.gather(1, drawn) > 0
    trial = violates.int().argmax(dim=1)  # from 0; also 0 where nothing violates, and then the hinge is 0 as well
    first = l.gather(1, drawn.gather(1, trial[:, None]))[:, 0]
    return (_beta(l)[(c - 1) // (trial + 1)] * first).mean()


def pairwise_logistic(scores: Tensor, positive: Tensor) -> Tensor:
    """log(1 + exp(s_n - s_p)), averaged over all pairs of a positive p and a negative n of a row, then over rows.

    ``positive`` (n, c) is 1 or 0; a row without pairs counts as 0. Memory O(n c^2).
    """
    pairs = positive[:, :, None] * (1 - positive[:, None, :])
    losses = torch.nn.functional.softplus(scores[:, None, :] - scores[:, :, None])
    return ((losses * pairs).sum(dim=(1, 2)) / pairs.sum(dim=(1, 2)).clamp(min=1)).mean()


def _beta(l: Tensor) -> Tensor:
    harmonic = (1 / torch.arange(1, l.shape[1], device=l.device)).cumsum(0)
    return torch.cat([harmonic.new_zeros(1), harmonic])
