"""Which weights of a network move and how fast, their moving average, and points between two states of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor

from zorse.core.errors import InputError
from zorse.training.loop import Clock


def chosen(
    named: Mapping[str, Tensor], frozen: Sequence[str] = (), trained: Sequence[str] = ("*",)
) -> dict[str, Tensor]:
    """The tensors whose name matches a pattern of ``trained`` and none of ``frozen``, in their order.

    Patterns are those of a shell: ``text.*``, ``*norm*``.

    Raises
    ------
    InputError
        If a pattern matches no name, or nothing is left.
    """
    for pattern in (*frozen, *trained):
        if not any(fnmatchcase(name, pattern) for name in named):
            raise InputError(f"no weight is called {pattern!r}; there are {', '.join(list(named)[:5])}, ...")

    def any_of(name: str, patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    out = {name: p for name, p in named.items() if any_of(name, trained) and not any_of(name, frozen)}
    if not out:
        raise InputError(f"frozen={tuple(frozen)} leaves nothing to train")
    return out


def rate_groups(
    named: Mapping[str, Tensor], lr: float, rates: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer: ``lr`` times the factor of the first pattern that matches a name, else ``lr``.

    Raises
    ------
    InputError
        If a pattern matches no name.
    """
    groups: dict[float, list[Tensor]] = {}
    patterns = dict(rates or {})
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in named):
            raise InputError(f"no trained weight is called {pattern!r}; there are {', '.join(list(named)[:5])}, ...")
    for name, p in named.items():
        factor = next((factor for pattern, factor in patterns.items() if fnmatchcase(name, pattern)), 1.0)
        groups.setdefault(factor, []).append(p)
    return [{"params": params, "lr": lr * factor} for factor, params in groups.items()]


def warm_cosine(warmup: float = 0.0):
    """A rate that rises linearly over the first ``warmup`` of all steps, then falls to 0 along half a cosine."""

    def rate(clock: Clock) -> float:
        if clock.fraction < warmup:
            return max(clock.fraction / warmup, 1e-3)
        done = (clock.fraction - warmup) / (1 - warmup)
        return float((1 + torch.cos(torch.tensor(torch.pi * done, dtype=torch.float64))) / 2)

    return rate


@torch.no_grad()
def follow(average: Iterable[Tensor], current: Iterable[Tensor], decay: float) -> None:
    """Move an average towards the current weights: a <- decay a + (1 - decay) w."""
    for a, w in zip(average, current, strict=True):
        a.lerp_(w.to(a), 1 - decay)


@torch.no_grad()
def between(start: Iterable[Tensor], end: Iterable[Tensor], share: float) -> None:
    """Put ``end`` at (1 - share) start + share end, in place: 0 is the start."""
    for s, e in zip(start, end, strict=True):
        e.copy_(torch.lerp(s.to(e), e, share))
