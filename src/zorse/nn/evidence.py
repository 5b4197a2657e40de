"""Classification with a measured lack of evidence: Dirichlet distributions over classes, opinions that are joined."""

from __future__ import annotations

import torch
from torch import Tensor


def opinion(evidence: Tensor) -> tuple[Tensor, Tensor]:
    """Belief in each class (n, c) and uncertainty (n, 1), which together sum to 1, from evidence (n, c) of at least 0.

    With alpha = evidence + 1 and S its sum, belief is evidence / S and uncertainty c / S.
    """
    total = evidence.sum(dim=1, keepdim=True) + evidence.shape[1]
    return evidence / total, evidence.shape[1] / total


def joined(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Dempster's rule for two opinions over the same classes: what both say, less what they contradict in."""
    (b, u), (c, v) = one, other
    agreed = b * c
    conflict = b.sum(dim=1, keepdim=True) * c.sum(dim=1, keepdim=True) - agreed.sum(dim=1, keepdim=True)
    rest = (1 - conflict).clamp_min(torch.finfo(b.dtype).tiny)
    return (agreed + b * v + c * u) / rest, u * v / rest


def evidence_of(opinion: tuple[Tensor, Tensor]) -> Tensor:
    """The evidence (n, c) that :func:`opinion` turns into this opinion."""
    belief, uncertainty = opinion
    return belief * belief.shape[1] / uncertainty


def evidential_loss(evidence: Tensor, target: Tensor, weight: float) -> Tensor:
    """Expected cross-entropy under the Dirichlet, and ``weight`` times what evidence for wrong classes says.

    Mean over samples of digamma(S) - digamma(alpha_y), plus weight KL(Dir(alpha~) || Dir(1)), where alpha~ is alpha
    with 1 in the place of the right class.
    """
    alpha = evidence + 1
    right = alpha.gather(1, target[:, None])[:, 0]
    fit = torch.digamma(alpha.sum(dim=1)) - torch.digamma(right)
    wrong = alpha.scatter(1, target[:, None], 1.0)
    return (fit + weight * kl_to_uniform(wrong)).mean()


def kl_to_uniform(alpha: Tensor) -> Tensor:
    """KL(Dir(alpha) || Dir(1)) of rows (n, c), shape (n,)."""
    total = alpha.sum(dim=1, keepdim=True)
    constant = torch.lgamma(total)[:, 0] - torch.lgamma(alpha).sum(dim=1)
    constant = constant - torch.lgamma(torch.tensor(float(alpha.shape[1]), dtype=alpha.dtype))
    return constant + ((alpha - 1) * (torch.digamma(alpha) - torch.digamma(total))).sum(dim=1)
