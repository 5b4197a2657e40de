"""What bilinear methods share: score(x, c) = x^T W a_c."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, ZeroShotClassifier


class BilinearClassifier(ZeroShotClassifier):
    """A method whose ``_fit`` only has to set ``weights_`` of shape (d, k). Scoring costs O(n d k + n k c)."""

    weights_: np.ndarray

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return X @ self.weights_ @ table.vectors.T
