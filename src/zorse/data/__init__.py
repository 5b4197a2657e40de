"""Tasks (samples, class tables, who is seen) and the sources that images come from."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.data.bundle import load_bundle as load_bundle
    from zorse.data.bundle import save_bundle as save_bundle
    from zorse.data.class_stream import stream_tables as stream_tables
    from zorse.data.compositional import CompositionalTask as CompositionalTask
    from zorse.data.compositional import compositional_task as compositional_task
    from zorse.data.compositional import open_world as open_world
    from zorse.data.compositional import pair_table as pair_table
    from zorse.data.compositional import toy_compositional as toy_compositional
    from zorse.data.coop_split import read_coop_split as read_coop_split
    from zorse.data.datasets import get_dataset as get_dataset
    from zorse.data.digits import digits_zsl as digits_zsl
    from zorse.data.files import read_task as read_task
    from zorse.data.image_ref import ImageRef as ImageRef
    from zorse.data.images import ImageSource as ImageSource
    from zorse.data.images import find_images as find_images
    from zorse.data.inaturalist import read_inaturalist as read_inaturalist
    from zorse.data.labelled import read_classes as read_classes
    from zorse.data.labelled import read_labelled as read_labelled
    from zorse.data.task import TagTask as TagTask
    from zorse.data.task import ZeroShotTask as ZeroShotTask
    from zorse.data.toy import toy_patches as toy_patches
    from zorse.data.toy import toy_tags as toy_tags
    from zorse.data.toy import toy_zsl as toy_zsl
    from zorse.data.xlsa import read_xlsa as read_xlsa

_HOME = {
    "CompositionalTask": "compositional",
    "compositional_task": "compositional",
    "open_world": "compositional",
    "pair_table": "compositional",
    "toy_compositional": "compositional",
    "ImageRef": "image_ref",
    "ImageSource": "images",
    "find_images": "images",
    "TagTask": "task",
    "ZeroShotTask": "task",
    "digits_zsl": "digits",
    "get_dataset": "datasets",
    "load_bundle": "bundle",
    "read_task": "files",
    "read_xlsa": "xlsa",
    "save_bundle": "bundle",
    "toy_patches": "toy",
    "toy_tags": "toy",
    "read_classes": "labelled",
    "read_coop_split": "coop_split",
    "read_inaturalist": "inaturalist",
    "read_labelled": "labelled",
    "stream_tables": "class_stream",
    "toy_zsl": "toy",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: finding images on disk must not import scikit-learn.
    if name in _HOME:
        return getattr(import_module(f"zorse.data.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.data' has no attribute {name!r}")
