"""What methods share that correct the scores of another one."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone

from zorse.core import CapabilityError, ClassTable, ZeroShotClassifier


class WrapperClassifier(ZeroShotClassifier):
    """A method with a constructor parameter ``estimator``, fitted as ``estimator_`` on the same samples and classes.

    A paper overrides ``_scores``, starting from ``self.estimator_.scores(X)``.
    """

    estimator: ZeroShotClassifier | None
    estimator_: ZeroShotClassifier

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if not isinstance(self.estimator, ZeroShotClassifier):
            raise CapabilityError(
                f"{type(self).__name__} wraps a zero-shot classifier; got estimator={self.estimator!r}"
            )
        self.estimator_ = clone(self.estimator).fit(X, table.labels[rows], classes=table)

    def _prepare(self, table: ClassTable) -> None:
        self.estimator_ = self.estimator_.with_candidates(table)
