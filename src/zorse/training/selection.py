"""Model selection while training: stop early, keep the best state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zorse.core.errors import InputError

if TYPE_CHECKING:
    from zorse.training.loop import Turn


class KeepBest:
    """Scores the state of a training after its epochs, remembers the best, and stops when none follows.

    Parameters
    ----------
    score : callable () -> float
        Larger is better; asked about samples that are neither trained nor tested on.
    patience : int, optional
        Stop after so many epochs without a better score; None never stops.
    """

    def __init__(self, score: Callable[[], float], patience: int | None = None):
        self.score, self.patience = score, patience
        self.best: list[list[Tensor]] = []

    def look(self, turns: Sequence[Turn], history: list[dict[str, float]]) -> bool:
        """Add the score of this epoch to ``history``; whether to stop."""
        history[-1]["validation"] = self.score()
        scores = [losses["validation"] for losses in history]
        first_best = int(np.argmax(scores))
        if first_best == len(scores) - 1:
            self.best = [[p.detach().clone() for p in turn.params] for turn in turns]
        return self.patience is not None and len(scores) - 1 - first_best >= self.patience

    @torch.no_grad()
    def restore(self, turns: Sequence[Turn]) -> None:
        """Put the best state back."""
        for turn, best in zip(turns, self.best):
            for p, kept in zip(turn.params, best):
                p.copy_(kept)


def held_out_classes(validation_classes, seen: np.ndarray, generator: torch.Generator) -> np.ndarray:
    """Which of the labels ``seen`` (s,) are held out of training, as a mask (s,).

    ``validation_classes``: their number, drawn by ``generator``; their share, below 1; or the labels themselves.

    Raises
    ------
    InputError
        If a label is none of ``seen``, or fewer than two classes would be held out or left for training.
    """
    if validation_classes is None:
        return np.zeros(len(seen), dtype=bool)
    if np.ndim(validation_classes) == 0:
        n = validation_classes if validation_classes >= 1 else round(validation_classes * len(seen))
        mask = np.zeros(len(seen), dtype=bool)
        mask[torch.randperm(len(seen), generator=generator)[: int(n)].numpy()] = True
    else:
        strange = np.setdiff1d(validation_classes, seen)
        if len(strange):
            raise InputError(f"validation classes that are not trained on: {', '.join(map(str, strange))}")
        mask = np.isin(seen, validation_classes)
    if mask.sum() < 2 or (~mask).sum() < 2:
        raise InputError(
            f"validation_classes={validation_classes!r} holds out {mask.sum()} of {len(seen)} training classes; "
            "at least two must be held out and two be left"
        )
    return mask
