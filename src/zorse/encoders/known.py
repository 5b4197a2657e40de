"""Models worth knowing by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownModel:
    """What ``zorse models`` tells of a model.

    ``parameters`` counts both towers; ``image_size`` is the edge in pixels; ``texts`` is False for features only.
    """

    name: str
    parameters: int
    image_size: int
    licence: str
    languages: str
    use: str
    texts: bool = True


KNOWN_MODELS: tuple[KnownModel, ...] = (
    KnownModel("mini", 0, 64, "research use only", "English", "built in, offline: for trying, teaching and tests"),
)
