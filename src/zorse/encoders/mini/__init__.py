"""The encoder that ships inside the package: small, offline, for trying, teaching and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.encoders.mini.model import Mini as Mini

__all__ = ["Mini", "load"]


def load(device: str = "auto") -> Mini:
    """The embedded encoder on a device; under a second once torch is imported."""
    from zorse.encoders.mini.model import Mini

    return Mini(device=device)


def __getattr__(name: str):
    if name == "Mini":
        from zorse.encoders.mini.model import Mini

        return Mini
    raise AttributeError(f"module 'zorse.encoders.mini' has no attribute {name!r}")
