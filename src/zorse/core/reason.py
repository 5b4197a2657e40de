"""What carried an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One thing that carried an answer; without any of the optional attributes, the image as a whole.

    A method that can tell has ``because(x, best, other)``, which takes one sample (1, ...) and the columns of its best
    and its next candidate, and returns a list of reasons; or None where the prompts of the class are all there is.

    Attributes
    ----------
    weight : float
        By how much it puts the best candidate ahead of the next, in the method's own measure; negative where it speaks
        for the next.
    text : str, optional
        A text that is not a prompt of the class.
    prompt : int, optional
        Place among the prompts of the best candidate.
    crop : (int, int), optional
        Place in the grid of crops, as of the method's ``boxes``.
    sample : int, optional
        Row of the unlabelled samples that the method was fitted with.
    """

    weight: float
    text: str | None = None
    prompt: int | None = None
    crop: tuple[int, int] | None = None
    sample: int | None = None

    @property
    def kind(self) -> str:
        """Which of the optional attributes is given; "whole" if none is."""
        kinds = ("text", "prompt", "crop", "sample")
        return next((kind for kind in kinds if getattr(self, kind) is not None), "whole")
