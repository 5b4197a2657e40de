"""Distributions of directions."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_von_mises_fisher(mean: Tensor, kappa: Tensor, n: int = 1) -> Tensor:
    """``n`` draws of unit vectors about each row of ``mean``, shape (n, b, d); gradients pass through both arguments.

    Parameters
    ----------
    mean : Tensor of shape (b, d)
        Unit vectors; d at least 2.
    kappa : Tensor of shape (b,)
        Concentration, above 0: the larger, the nearer the draws.

    Notes
    -----
    Wood's rejection sampler of the cosine w (1994), whose accepted value is a function of ``kappa`` and a Beta variate
    (Davidson et al. 2018; the correction of the gradient for the rejections, which is small at large kappa, is left
    out), a uniform direction orthogonal to it, and a reflection that brings the pole to the mean. Noise from torch's
    global generator.
    """
    b, d = mean.shape
    root = (4 * kappa.square() + (d - 1) ** 2).sqrt()
    low = (d - 1) / (2 * kappa + root)  # the same as (-2 kappa + root) / (d - 1), without cancellation
    a = (d - 1 + 2 * kappa + root) / 4
    bound = 4 * a * low / (1 + low) - (d - 1) * torch.log(torch.as_tensor(d - 1.0, dtype=mean.dtype))
    half = torch.full((n, b), (d - 1) / 2, dtype=mean.dtype, device=mean.device)
    beta = torch.distributions.Beta(half, half)
    kept = torch.zeros(n, b, dtype=mean.dtype, device=mean.device)
    todo = torch.ones(n, b, dtype=torch.bool, device=mean.device)
    with torch.no_grad():
        while bool(todo.any()):
            e = beta.sample()
            t = 2 * a * low / (1 - (1 - low) * e)
            accept = (d - 1) * t.log() - t + bound >= torch.rand_like(e).log()
            kept = torch.where(todo & accept, e, kept)
            todo &= ~accept
    w = (1 - (1 + low) * kept) / (1 - (1 - low) * kept)
    aside = torch.randn(n, b, d - 1, dtype=mean.dtype, device=mean.device)
    aside = aside / aside.norm(dim=-1, keepdim=True)
    z = torch.cat([w[..., None], (1 - w.square()).clamp_min(1e-10).sqrt()[..., None] * aside], dim=-1)
    pole = torch.zeros_like(mean)
    pole[:, 0] = 1
    u = pole - mean
    u = u / u.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    return z - 2 * (z * u).sum(dim=-1, keepdim=True) * u
