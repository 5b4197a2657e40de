"""The same jobs over more images than one process gets through: planned in shards, each written once."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.scale.embed import ENGINES as ENGINES
    from zorse.scale.embed import embed_shards as embed_shards
    from zorse.scale.plan import Plan as Plan
    from zorse.scale.shard import Finished as Finished
    from zorse.scale.shard import Shard as Shard

_HOME = {"ENGINES": "embed", "embed_shards": "embed", "Plan": "plan", "Finished": "shard", "Shard": "shard"}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: the command line names the engines without paying for pyarrow.
    if name in _HOME:
        return getattr(import_module(f"zorse.scale.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.scale' has no attribute {name!r}")
