"""Losses over the classes of a batch: centres, contrasts between samples, walks between samples and centres."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def class_means(x: Tensor, y: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Means (n_classes, d) of the rows of x (n, d) by class y (n,), 0 for an absent class, and who is present."""
    total = x.new_zeros(n_classes, x.shape[1]).index_add(0, y, x)
    count = torch.bincount(y, minlength=n_classes)
    return total / count.clamp_min(1)[:, None], count > 0


def centroid_loss(x: Tensor, y: Tensor, centroids: Tensor, squared: bool = True) -> Tensor:
    """Distance of the mean of x (n, d) of each class in y (n,) from its centroid (c, d), averaged over these."""
    means, present = class_means(x, y, len(centroids))
    apart = (means - centroids)[present].square().sum(dim=1)
    # The slope of the root is infinite at 0.
    return (apart if squared else apart.clamp_min(1e-12).sqrt()).mean()


def nearest_centre(x: Tensor, y: Tensor, centres: Tensor) -> Tensor:
    """Squared distance of each row of x (n, d) from the nearest of its class's centres (c, m, d), shape (n,)."""
    return (x[:, None] - centres[y]).square().sum(dim=2).amin(dim=1)


def supervised_contrastive(z: Tensor, y: Tensor, temperature: float, anchors: Tensor | None = None) -> Tensor:
    """Mean of -log softmax over all other rows, at rows of the same class; z (n, d), y (n,).

    Rows are brought to unit length. An anchor without another row of its class is left out; 0 if none is left.
    ``anchors``: mask (n,) of rows that are asked about; default all.
    """
    z = nn.functional.normalize(z, dim=1)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    log_p = (z @ z.T / temperature).masked_fill(itself, float("-inf")).log_softmax(dim=1)
    positive = (y[:, None] == y) & ~itself
    kept = positive.any(dim=1) if anchors is None else positive.any(dim=1) & anchors
    if not kept.any():
        return (z * 0).sum()
    of_anchor = log_p.masked_fill(~positive, 0.0).sum(dim=1) / positive.sum(dim=1).clamp_min(1)
    return -of_anchor[kept].mean()


def walk_losses(
    points: Tensor, centres: Tensor, steps: int, decay: float, home: bool, eps: float = 1e-10
) -> tuple[Tensor, Tensor]:
    """How walkers from centre to point, point to point and back to a centre end, and whether they see every point.

    A step goes to a place with the softmax of minus the squared distance; between points (n, d) never to itself.

    Parameters
    ----------
    points, centres : Tensor of shape (n, d), (c, d)
    steps : int
        Walks with 0 to ``steps`` steps between points are asked about.
    decay : float
        Weight of a walk is ``decay`` to the power of its steps.
    home : bool
        True: each walker should return to its own centre (minus the log of the diagonal). False: it should end at any
        centre alike (minus the log of every entry).

    Returns
    -------
    walk, visit : Tensor
        Both averaged over centres, or points; ``visit`` is least when all points are reached alike.
    """
    near = -torch.cdist(points, centres).square()
    to_point, to_centre = near.T.softmax(dim=1), near.softmax(dim=1)
    itself = torch.eye(len(points), dtype=torch.bool, device=points.device)
    between = (-torch.cdist(points, points).square()).masked_fill(itself, float("-inf")).softmax(dim=1)
    at, walk = to_point, points.new_zeros(())
    for r in range(steps + 1):
        ends = at @ to_centre
        walk = walk - decay**r * (ends.diagonal() if home else ends).clamp_min(eps).log().mean()
        at = at @ between
    return walk, -to_point.mean(dim=0).clamp_min(eps).log().mean()


def mixed(a: Tensor) -> Tensor:
    """Class vectors (n, k) between those of two random rows each, of unit length; as far as 0.2 from either end."""
    part = 0.2 + 0.6 * torch.rand(len(a), 1, device=a.device)
    one, other = (a[torch.randperm(len(a)).to(a.device)] for _ in range(2))
    return nn.functional.normalize(part * one + (1 - part) * other, dim=1)
