"""The same jobs over more images than one process gets through: planned in shards, each written once."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.scale.cells import cells_on_ray as cells_on_ray
    from zorse.scale.embed import embed_shards as embed_shards
    from zorse.scale.engine import ENGINES as ENGINES
    from zorse.scale.engine import streaming as streaming
    from zorse.scale.plan import Plan as Plan
    from zorse.scale.shard import Finished as Finished
    from zorse.scale.shard import Shard as Shard
    from zorse.scale.stream import embed_on_ray as embed_on_ray

_HOME = {
    "ENGINES": "engine",
    "Finished": "shard",
    "Plan": "plan",
    "Shard": "shard",
    "cells_on_ray": "cells",
    "embed_on_ray": "stream",
    "embed_shards": "embed",
    "streaming": "engine",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: the command line names the engines without paying for pyarrow.
    if name in _HOME:
        return getattr(import_module(f"zorse.scale.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.scale' has no attribute {name!r}")
