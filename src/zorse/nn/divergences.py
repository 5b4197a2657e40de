"""How far two distributions are apart: of samples, and of probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mmd(p: Tensor, q: Tensor, widths: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0)) -> Tensor:
    """Squared maximum mean discrepancy of samples p (n, d) and q (m, d), at least 0; O((n + m)^2 d).

    The kernel is the mean of Gaussians exp(-||x - y||^2 / (w s)) over ``widths`` w, where s is the mean squared
    distance within both samples together (no gradient passes through s).
    """
    rows = torch.cat([p, q])
    squared = torch.cdist(rows, rows).square()
    scale = squared.detach().sum() / (len(rows) * (len(rows) - 1))
    kernel = torch.stack([(-squared / (w * scale.clamp_min(1e-12))).exp() for w in widths]).mean(0)
    n = len(p)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def sharma_mittal(p: Tensor, q: Tensor, alpha: Tensor | float, beta: Tensor | float) -> Tensor:
    """Sharma-Mittal divergence of probabilities p (n, c) from q (n, c) or (c,), averaged over rows, at least 0.

    ((sum p^alpha q^(1 - alpha))^((1 - beta) / (1 - alpha)) - 1) / (beta - 1) for ``alpha`` and ``beta`` above 0, other
    than 1 and differentiable. Its limits are Renyi's divergence (beta -> 1), Tsallis' (beta -> alpha),
    Kullback-Leibler's (both -> 1) and, at alpha = 1/2, beta -> 1, twice Bhattacharyya's.
    """
    overlap = _log_overlap(p, q, alpha)
    # As an exponential, so that small powers of small numbers keep their digits.
    return (torch.expm1(overlap * (1 - beta) / (1 - alpha)) / (beta - 1)).mean()


def renyi(p: Tensor, q: Tensor, alpha: Tensor | float) -> Tensor:
    """Renyi's divergence of order ``alpha``, averaged over rows."""
    return (_log_overlap(p, q, alpha) / (alpha - 1)).mean()


def tsallis(p: Tensor, q: Tensor, alpha: Tensor | float) -> Tensor:
    """Tsallis' divergence of order ``alpha``, averaged over rows."""
    return (torch.expm1(_log_overlap(p, q, alpha)) / (alpha - 1)).mean()


def bhattacharyya(p: Tensor, q: Tensor) -> Tensor:
    """-log sum sqrt(p q), averaged over rows."""
    return -_log_overlap(p, q, 0.5).mean()


def kullback_leibler(p: Tensor, q: Tensor) -> Tensor:
    """sum p log(p / q), averaged over rows."""
    return (p * (_log(p) - _log(q))).sum(-1).mean()


def _log_overlap(p: Tensor, q: Tensor, alpha: Tensor | float) -> Tensor:
    return torch.logsumexp(alpha * _log(p) + (1 - alpha) * _log(q), dim=-1)


def _log(p: Tensor) -> Tensor:
    return p.clamp_min(torch.finfo(p.dtype).tiny).log()
