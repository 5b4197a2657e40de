"""Attention maps (n, m, gh, gw) of m parts over a grid: how compact and how different they are, and what they crop."""

from __future__ import annotations

import torch
from torch import Tensor


def places(gh: int, gw: int, like: Tensor) -> Tensor:
    """Row and column of the middle of every patch, (gh, gw, 2), in patches, on the device of ``like``."""
    rows, columns = (torch.arange(g, device=like.device, dtype=like.dtype) + 0.5 for g in (gh, gw))
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=2)


def compactness(maps: Tensor) -> Tensor:
    """Mean squared distance from a map's peak, patches weighed by the map, sides of the grid being 1; mean over maps.

    Weights are shares of the map's sum, so that a map gains nothing by fading away.
    """
    gh, gw = maps.shape[2:]
    at = places(gh, gw, maps).reshape(-1, 2) / torch.tensor([gh, gw], dtype=maps.dtype, device=maps.device)
    peak = at[maps.flatten(2).argmax(dim=2)]
    shares = maps.flatten(2) / maps.sum(dim=(2, 3), keepdim=True).flatten(2)
    return (shares * (at - peak[:, :, None]).square().sum(dim=3)).sum(dim=2).mean()


def overlap(maps: Tensor, margin: float) -> Tensor:
    """M max(0, strongest other map - ``margin``), averaged over patches and maps."""
    m = maps.shape[1]
    itself = torch.eye(m, dtype=torch.bool, device=maps.device)[:, :, None, None]
    others = maps[:, None].masked_fill(itself, -torch.inf).amax(dim=2) if m > 1 else torch.zeros_like(maps)
    return (maps * (others - margin).clamp(min=0)).mean()


def box(centre: Tensor, side: float, gh: int, gw: int, sharpness: float = 10.0) -> Tensor:
    """A soft square mask (..., gh, gw) around ``centre`` (..., 2), row and column in patches.

    ``side`` is its side as a share of the grid. Inside it is near 1, outside near 0, and differentiable in the centre:
    a difference of two sigmoids each way.
    """
    edges = []
    for axis, g in enumerate((gh, gw)):
        at = torch.arange(g, device=centre.device, dtype=centre.dtype) + 0.5
        start, stop = (centre[..., axis, None] + sign * side * g / 2 for sign in (-1, 1))
        edges.append(torch.sigmoid(sharpness * (at - start)) - torch.sigmoid(sharpness * (at - stop)))
    return edges[0][..., :, None] * edges[1][..., None, :]
