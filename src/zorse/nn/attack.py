"""Features moved to where a loss is higher."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def sign_attack(f: Tensor, loss: Callable[[Tensor], Tensor], eps: float, jitter: float = 0.0) -> Tensor:
    """f (n, d) plus ``eps`` times the sign of the loss's slope, plus uniform noise in [0, ``jitter``) (FGSM).

    The slope is taken at f. What comes out is a constant to whatever made f; the noise is of torch's global generator.
    """
    f = f.detach().requires_grad_()
    (slope,) = torch.autograd.grad(loss(f), f)
    return (f + jitter * torch.rand_like(f) + eps * slope.sign()).detach()
