"""CLIP's classifier for a model that runs without torch."""

from __future__ import annotations

from copy import copy
from types import SimpleNamespace
from typing import Self

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.core.traits import Traits
from zorse.nn.vectors import cosine


class Cosines:
    """The scores of :class:`zorse.methods.pretraining.clip.CLIP`, without the estimator around them.

    scikit-learn, on which every method rests, takes longer to import than an exported model takes to answer; so where
    the model brings no torch, the plainest of methods brings no scikit-learn. A test holds the two together.

    Parameters
    ----------
    scale : float
        What multiplies cosines.
    """

    candidates_: ClassTable
    classes_: np.ndarray
    paper = SimpleNamespace(aka=("CLIP",))
    traits = Traits(trained=False, aligned_space=True)
    by_prompts = True

    def __init__(self, scale: float):
        self.scale = scale

    def fit(self, X=None, y=None, classes: ClassTable | None = None) -> Self:
        """Answer over ``classes``."""
        assert classes is not None
        out = copy(self)
        out.candidates_, out.classes_ = classes, classes.labels
        return out

    def with_candidates(self, classes) -> Self:
        """The same over other candidates."""
        return self.fit(classes=classes if isinstance(classes, ClassTable) else self.candidates_.select(classes))

    def scores(self, X) -> np.ndarray:
        """Scores (n, c), float64."""
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.candidates_.n_semantics or not np.isfinite(X).all():
            raise InputError(f"expected finite vectors (n, {self.candidates_.n_semantics}); got {X.shape}")
        return self.scale * cosine(X, self.candidates_.vectors)
