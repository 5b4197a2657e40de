"""Measuring methods: named tasks, tuning without test classes, and the papers' claims run anew."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.benchmark.reproduce import reproduce as reproduce
    from zorse.benchmark.reproduce import table as table
    from zorse.benchmark.tasks import load_task as load_task
    from zorse.benchmark.tune import tune as tune

_HOME = {
    "claim_names": "reproduce",
    "load_task": "tasks",
    "reproduce": "reproduce",
    "table": "reproduce",
    "tune": "tune",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: the command line asks for the names of claims before it pays for the methods.
    if name in _HOME:
        value = getattr(import_module(f"zorse.benchmark.{_HOME[name]}"), name)
        globals()[name] = value  # a submodule may have the name of its function
        return value
    raise AttributeError(f"module 'zorse.benchmark' has no attribute {name!r}")
