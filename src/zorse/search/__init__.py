"""A persistent index of images, searched by text, by image, and by both together (extra ``search``)."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.search.build import IndexReport as IndexReport
    from zorse.search.build import build_index as build_index
    from zorse.search.check import Checkup as Checkup
    from zorse.search.check import check_index as check_index
    from zorse.search.index import Hit as Hit
    from zorse.search.index import ImageIndex as ImageIndex
    from zorse.search.move import export_embeddings as export_embeddings
    from zorse.search.move import import_embeddings as import_embeddings
    from zorse.search.pictures import read_images as read_images
    from zorse.search.query import Composer as Composer
    from zorse.search.query import LateFusion as LateFusion
    from zorse.search.query import Query as Query

_HOME = {
    "Checkup": "check",
    "check_index": "check",
    "export_embeddings": "move",
    "import_embeddings": "move",
    "read_images": "pictures",
    "Composer": "query",
    "Hit": "index",
    "ImageIndex": "index",
    "IndexReport": "build",
    "LateFusion": "query",
    "Query": "query",
    "build_index": "build",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: neither torch nor LanceDB is loaded before it is needed.
    if name in _HOME:
        return getattr(import_module(f"zorse.search.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.search' has no attribute {name!r}")
