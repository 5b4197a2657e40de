"""Losses and penalties as functions of tensors; each returns a scalar averaged over the batch of n rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """Mean of (||grad critic|| - 1)^2 at one random point between each row of ``real`` and ``fake`` (n, d).

    The slope is taken with respect to the point alone; whatever else the critic is conditioned on stays a constant.
    Differentiable in the critic's parameters. The random places come from torch's global generator.
    """
    place = torch.rand(len(real), 1, device=real.device, dtype=real.dtype)
    between = torch.lerp(fake.to(real), real, place).detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.norm(dim=1) - 1).square().mean()


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) || N(0, I)) of rows (n, d), summed over dimensions, averaged over rows."""
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(dim=1).mean()


def wasserstein_between_gaussians(mean_a: Tensor, log_var_a: Tensor, mean_b: Tensor, log_var_b: Tensor) -> Tensor:
    """2-Wasserstein distance of diagonal Gaussians, row by row (n, d), averaged over rows."""
    spread = (log_var_a / 2).exp() - (log_var_b / 2).exp()
    squared = (mean_a - mean_b).square().sum(dim=1) + spread.square().sum(dim=1)
    # The slope of the root is infinite at 0, where two equal Gaussians would turn every gradient into NaN.
    return squared.clamp_min(1e-12).sqrt().mean()


def reparameterise(mean: Tensor, log_var: Tensor) -> Tensor:
    """A draw from N(mean, exp(log_var)) that gradients pass through; noise from torch's global generator."""
    return mean + (log_var / 2).exp() * torch.randn_like(mean)


def self_calibration(logits: Tensor, n_seen: int, bias: float = 1.0) -> Tensor:
    """-log of the probability left to each unseen class, averaged over unseen classes and rows of logits (n, c).

    The first ``n_seen`` columns are those of the training classes; they lose ``bias`` and the others get it, as if an
    unseen sample had been shown. 0 where there are no other columns.
    """
    if n_seen == logits.shape[1]:
        return logits.new_zeros(())
    shift = torch.full_like(logits[0], bias)
    shift[:n_seen] = -bias
    log_p = (logits + shift).log_softmax(dim=1)
    return -log_p[:, n_seen:].mean()


def weighted_l1(p: Tensor, q: Tensor) -> Tensor:
    """Sum of w |p - q| over dimensions, averaged over rows; w = (p - q)^2 / ||p - q||, so that large errors count most.

    Gradients pass through the weights as well.
    """
    off = p - q
    length = off.square().sum(dim=1, keepdim=True).clamp_min(1e-24).sqrt()
    return (off.abs().pow(3) / length).sum(dim=1).mean()


def smoothed_targets(related: Tensor, smoothing: float) -> Tensor:
    """Distribution (s, s) for a softmax loss: row c has 1 - ``smoothing`` on c, the rest shared by its relatives.

    ``related`` (s, s) of bool says who they are; a class that has none but itself keeps all.
    """
    others = related & ~torch.eye(len(related), dtype=torch.bool, device=related.device)
    shared = smoothing * others / others.sum(dim=1, keepdim=True).clamp(min=1)
    return shared + torch.diag(1 - shared.sum(dim=1))


def asymmetric_loss(logits: Tensor, target: Tensor, positive: float, negative: float, clip: float = 0.05) -> Tensor:
    """Mean binary cross-entropy of tags (b, c) that forgets absent ones: focus ``negative``, probability less ``clip``.

    -y (1 - p)^positive log p - (1 - y) q^negative log(1 - q), q = max(p - clip, 0), summed over tags.
    """
    p = logits.sigmoid()
    q = (p - clip).clamp_min(0)
    present = (1 - p) ** positive * p.clamp_min(1e-8).log()
    absent = q**negative * (1 - q).clamp_min(1e-8).log()
    return -(target * present + (1 - target) * absent).sum(dim=1).mean()
