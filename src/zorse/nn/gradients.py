"""Gradients of two losses that pull on the same parameters."""

from __future__ import annotations

from torch import Tensor


def without_conflict(a: Tensor, b: Tensor, *, strength: float = 1.0) -> Tensor:
    """a, less ``strength`` times its component along b where the two point apart (a . b < 0); same shape."""
    dot = (a * b).sum()
    square = (b * b).sum()
    return a if dot >= 0 or square == 0 else a - strength * dot / square * b
