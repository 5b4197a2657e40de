"""The words everybody uses: class table, method contract, paper card, traits, errors."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.core.classes import ClassTable as ClassTable
    from zorse.core.classifier import ZeroShotClassifier as ZeroShotClassifier
    from zorse.core.device import resolve_device as resolve_device
    from zorse.core.errors import CapabilityError as CapabilityError
    from zorse.core.errors import InputError as InputError
    from zorse.core.errors import MissingDependencyError as MissingDependencyError
    from zorse.core.errors import NotAvailableError as NotAvailableError
    from zorse.core.errors import UnknownNameError as UnknownNameError
    from zorse.core.errors import ZorseError as ZorseError
    from zorse.core.files import atomic_path as atomic_path
    from zorse.core.graph import ClassGraph as ClassGraph
    from zorse.core.image import ImageError as ImageError
    from zorse.core.image import open_image as open_image
    from zorse.core.method import ZeroShotMethod as ZeroShotMethod
    from zorse.core.paper import Paper as Paper
    from zorse.core.paper import implements as implements
    from zorse.core.persist import load as load
    from zorse.core.persist import save as save
    from zorse.core.random import seeded as seeded
    from zorse.core.reason import Reason as Reason
    from zorse.core.samples import read_samples as read_samples
    from zorse.core.tagger import ZeroShotTagger as ZeroShotTagger
    from zorse.core.traits import Traits as Traits

_HOME = {
    "ClassGraph": "graph",
    "ClassTable": "classes",
    "ZeroShotClassifier": "classifier",
    "resolve_device": "device",
    "CapabilityError": "errors",
    "InputError": "errors",
    "MissingDependencyError": "errors",
    "NotAvailableError": "errors",
    "UnknownNameError": "errors",
    "ZorseError": "errors",
    "atomic_path": "files",
    "ImageError": "image",
    "open_image": "image",
    "ZeroShotMethod": "method",
    "Paper": "paper",
    "implements": "paper",
    "load": "persist",
    "save": "persist",
    "seeded": "random",
    "Reason": "reason",
    "read_samples": "samples",
    "ZeroShotTagger": "tagger",
    "Traits": "traits",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: the command line needs the errors without paying for torch and scikit-learn.
    if name in _HOME:
        return getattr(import_module(f"zorse.core.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.core' has no attribute {name!r}")
