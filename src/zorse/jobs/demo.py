"""Photographs that are on the machine already, and names for them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from zorse.core.errors import MissingDependencyError

#: Package, file, and what a person would call the picture. Written down before any model saw them.
PHOTOGRAPHS = (
    ("sklearn.datasets.images", "china.jpg", "pagoda"),
    ("sklearn.datasets.images", "flower.jpg", "flower"),
    ("skimage.data", "astronaut.png", "astronaut"),
    ("skimage.data", "camera.png", "photographer"),
    ("skimage.data", "chelsea.png", "cat"),
    ("skimage.data", "coffee.png", "cup of coffee"),
    ("skimage.data", "coins.png", "coins"),
    ("skimage.data", "horse.png", "horse"),
    ("skimage.data", "moon.png", "moon"),
    ("skimage.data", "motorcycle_left.png", "motorcycle"),
    ("skimage.data", "page.png", "page of text"),
    ("skimage.data", "rocket.jpg", "rocket"),
)
#: Names that fit none of them, so that the choice is a real one.
OTHERS = ("dog", "bicycle", "car", "tree", "airplane", "boat", "pizza", "clock")

NOTE = (
    "Photographs that come with scikit-learn and scikit-image. The labels were fixed before any model saw them; "
    "wrong answers are shown as they are."
)
LABELS = tuple(sorted({name for *_, name in PHOTOGRAPHS} | set(OTHERS)))


def photographs() -> dict[Path, str]:
    """The photographs that come with scikit-learn and scikit-image, and what each shows; nothing is downloaded.

    Raises
    ------
    MissingDependencyError
        If they are not where those packages keep them.
    """
    found = {}
    for package, name, label in PHOTOGRAPHS:
        try:
            path = Path(str(files(package).joinpath(name)))
        except ModuleNotFoundError:
            continue
        if path.is_file():
            found[path] = label
    if not found:
        raise MissingDependencyError("scikit-image", "demo", "zorse demo")
    return found
