"""A persistent index of images, searched by text, by image, and by both together (extra ``search``)."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.search.build import IndexReport as IndexReport
    from zorse.search.build import build_index as build_index
    from zorse.search.index import Hit as Hit
    from zorse.search.index import ImageIndex as ImageIndex
    from zorse.search.query import Composer as Composer
    from zorse.search.query import LateFusion as LateFusion
    from zorse.search.query import Query as Query
    from zorse.search.query import Retriever as Retriever

_HOME = {
    "Composer": "query",
    "Hit": "index",
    "ImageIndex": "index",
    "IndexReport": "build",
    "LateFusion": "query",
    "Query": "query",
    "Retriever": "query",
    "build_index": "build",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: neither torch nor LanceDB is loaded before it is needed.
    if name in _HOME:
        return getattr(import_module(f"zorse.search.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.search' has no attribute {name!r}")
