"""Where a method comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Paper:
    """Bibliographic card of a method; the catalogue is generated from these.

    Attributes
    ----------
    title, authors, venue, year, url
        As printed on the paper; authors are separated by commas.
    aka : tuple of str
        Every name the method is known by.
    seed : int or None
        Number of the paper in the specification; None for a base that others build on.
    """

    title: str
    authors: str
    venue: str
    year: int
    url: str
    aka: tuple[str, ...] = ()
    seed: int | None = None


def implements(paper: Paper) -> Callable[[T], T]:
    """Put a paper's card on a function (a metric, a bound, a protocol), so that the catalogue finds it."""

    def mark(function: T) -> T:
        function.paper = paper  # type: ignore[attr-defined]
        return function

    return mark
