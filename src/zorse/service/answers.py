"""What the service answers, for the OpenAPI document."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Scored(BaseModel):
    """A label and how probable it is."""

    label: str
    score: float


class Heat(BaseModel):
    """Where a picture supports each label."""

    maps: dict[str, list[list[float]]] = Field(description="By label, the label's probability in each patch, in rows.")
    box: list[float] = Field(description="Left, top, width, height of the part that is looked at, as shares.")


class Named(BaseModel):
    """What one image is called."""

    name: str
    label: str | None
    score: float | None
    top: list[Scored]
    error: str | None = None
    heat: Heat | None = None


class Classified(BaseModel):
    """Answers in the order of the images."""

    model: str
    independent: bool = Field(description="Each score is a probability of its own; they need not add up to 1.")
    results: list[Named]
    notes: list[str]


class Vector(BaseModel):
    """A unit vector, or why there is none."""

    name: str
    vector: list[float] | None
    error: str | None = None


class Embedded(BaseModel):
    """Unit vectors in the order of the images and texts."""

    model: str
    fingerprint: str
    dim: int
    images: list[Vector]
    texts: list[list[float]]


class Found(BaseModel):
    """A picture of the index."""

    name: str
    score: float
    folder: str | None = None
    caption: str | None = None
    labels: list[str] = []
    thumbnail: str | None = Field(None, description="A data address of a small JPEG, where asked for and to be had.")


class Searched(BaseModel):
    """Pictures, the likest first."""

    model: str
    results: list[Found]


class Health(BaseModel):
    """Whether the service answers."""

    status: str
    model: str
    version: str
    waiting: int = Field(description="Images accepted and not encoded yet.")


class Error(BaseModel):
    """Why a request was refused."""

    error: str
    request: str = Field(description="The request's number in the service's log.")
