"""An adapted model in the place of a method that learns from names."""

from __future__ import annotations

from copy import copy
from typing import Self

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.classifier import ZeroShotClassifier
from zorse.core.traits import Traits


class Adapted(ZeroShotClassifier):
    """A fitted method in the place of one that learns from names: ``fit`` only exchanges its candidates."""

    def __init__(self, fitted: ZeroShotClassifier):
        self.fitted = fitted
        self.paper = fitted.paper  # type: ignore[misc]
        own = fitted.traits
        self.traits = Traits(  # type: ignore[misc]
            trained=False,
            aligned_space=True,
            independent_samples=own.independent_samples,
            open_candidates=own.open_candidates,
        )

    def fit(self, X=None, y=None, classes: ClassTable | None = None, unlabelled=None) -> Self:
        """The saved model over ``classes``."""
        out = copy(self)
        out.fitted = self.fitted.with_candidates(self.fitted.candidates_ if classes is None else classes)
        out.candidates_, out.classes_ = out.fitted.candidates_, out.fitted.classes_
        return out

    def with_candidates(self, classes) -> Self:
        """The same over other candidates."""
        table = classes if isinstance(classes, ClassTable) else self.fitted.candidates_.select(classes)
        return self.fit(classes=table)

    def scores(self, X) -> np.ndarray:
        """Of the saved model."""
        return self.fitted.scores(X)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.fitted._scores(X, table)
