"""Zorse recognises what nobody has labelled: zero-shot visual recognition from names alone."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from zorse.core import ClassTable, ZeroShotClassifier
    from zorse.encoders import load_encoder
    from zorse.jobs import classify, embed

_HOME = {
    "ClassTable": "core",
    "ZeroShotClassifier": "core",
    "load_encoder": "encoders",
    "classify": "jobs",
    "embed": "jobs",
}
_PACKAGES = [
    "benchmark",
    "catalogue",
    "core",
    "data",
    "encoders",
    "evaluation",
    "jobs",
    "methods",
    "nn",
    "semantics",
    "templates",
    "testing",
    "training",
]
__all__ = ["ClassTable", "ZeroShotClassifier", "__version__", "classify", "embed", "load_encoder"]


def __getattr__(name: str):
    # Lazy, so that ``import zorse`` costs milliseconds and imports no torch.
    if name in _HOME:
        return getattr(import_module(f"zorse.{_HOME[name]}"), name)
    if name in _PACKAGES:
        return import_module(f"zorse.{name}")
    raise AttributeError(f"module 'zorse' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_HOME, *_PACKAGES})
