"""Facts about a method that checks, benchmarks and the catalogue need to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Traits:
    """What a method takes and which promises apply to it.

    Attributes
    ----------
    takes : {"features", "patches", "images", "text"}
        What ``X`` holds.
    trained : bool
        False: ``fit`` never looks at X and y; class descriptions are enough.
    needs_unlabelled : bool
        True: ``fit`` wants ``unlabelled`` samples beside the labelled ones.
    independent_samples : bool
        False: the scores of a sample depend on the other samples of the call.
    open_candidates : bool
        False: the scores of a class depend on which other classes are candidates.
    aligned_space : bool
        True: X and the class vectors live in one space (embeddings of one dual encoder).
    learns_unseen : bool
        False: no better than chance on unseen classes is expected.
    """

    takes: Literal["features", "patches", "images", "text"] = "features"
    trained: bool = True
    needs_unlabelled: bool = False
    independent_samples: bool = True
    open_candidates: bool = True
    aligned_space: bool = False
    learns_unseen: bool = True
