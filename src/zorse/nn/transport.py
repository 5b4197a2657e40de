"""Optimal transport between two weighted sets of points, smoothed by entropy."""

from __future__ import annotations

import torch
from torch import Tensor

from zorse.core.errors import InputError


@torch.no_grad()
def sinkhorn(
    cost: Tensor,
    epsilon: float = 0.1,
    a: Tensor | None = None,
    b: Tensor | None = None,
    *,
    n_iter: int = 100,
    tolerance: float = 1e-6,
) -> Tensor:
    """The plan P (..., n, m) that minimises <P, cost> - epsilon H(P) with row sums ``a`` and column sums ``b``.

    Computed on logarithms, so that a small ``epsilon`` costs more iterations and never an overflow. Columns sum to
    ``b`` exactly, rows to ``a`` as far as the iteration has come.

    Parameters
    ----------
    cost : Tensor of shape (..., n, m)
        What it takes to bring one unit from each row to each column; leading dimensions are problems of their own.
    epsilon : float
        Weight of the entropy, in the units of ``cost``; above 0.
    a, b : Tensor of shape (..., n), (..., m), optional
        How much leaves each row and reaches each column; default the same share for all. A zero is allowed.
    n_iter : int
        Iterations at most.
    tolerance : float
        Iteration ends when no row sum is further than this from ``a``.

    Notes
    -----
    Cost: O(n m) an iteration and problem.
    """
    if epsilon <= 0:
        raise InputError(f"epsilon must be above 0; got {epsilon}")
    n, m = cost.shape[-2:]
    a = cost.new_full((n,), 1 / n) if a is None else a
    b = cost.new_full((m,), 1 / m) if b is None else b
    log_a, log_b = a.log(), b.log()
    log_k = -cost / epsilon
    u, v = torch.zeros_like(log_k[..., 0]), torch.zeros_like(log_k[..., 0, :])
    reached = torch.logsumexp(log_k, dim=-1)
    for _ in range(n_iter):
        u = torch.where(a > 0, log_a - reached, -torch.inf)
        v = torch.where(b > 0, log_b - torch.logsumexp(log_k + u[..., :, None], dim=-2), -torch.inf)
        reached = torch.logsumexp(log_k + v[..., None, :], dim=-1)
        if ((u + reached).exp() - a).abs().max() <= tolerance:
            break
    return (log_k + u[..., :, None] + v[..., None, :]).exp()


def transport_cost(
    cost: Tensor, epsilon: float = 0.1, a: Tensor | None = None, b: Tensor | None = None, **options
) -> Tensor:
    """<P, cost> of shape (...), P being :func:`sinkhorn`'s plan; arguments as there.

    Its gradient in ``cost`` is P: that of the smoothed problem's optimum (envelope theorem), at no memory for the
    iterations.
    """
    return (sinkhorn(cost.detach(), epsilon, a, b, **options) * cost).sum(dim=(-2, -1))
