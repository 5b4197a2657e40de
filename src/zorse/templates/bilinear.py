"""What bilinear methods share: score(x, c) = x^T W a_c."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import Self

import numpy as np
from sklearn.base import clone

from zorse.core import ClassTable, ZeroShotClassifier


class BilinearClassifier(ZeroShotClassifier):
    """A method whose ``_fit`` only has to set ``weights_`` of shape (d, k). Scoring costs O(n d k + n k c).

    One whose weights for many parameters cost little more than for one (a single eigendecomposition serves all) also
    writes ``_path``; a search over a grid then asks for all at once.
    """

    weights_: np.ndarray

    def fit_many(self, X, y, classes: ClassTable, points: Sequence[dict]) -> Iterator[Self]:
        """A fitted model for each of ``points`` (parameters), equal to a clone's ``fit`` with them."""
        first = clone(self).set_params(**points[0]).fit(X, y, classes=classes)
        X = np.asarray(X, dtype=np.float64)
        for point, weights in zip(points, first._path(X, classes.rows(y), classes, points), strict=True):
            model = copy(first).set_params(**point)
            model.weights_ = weights
            yield model

    def _path(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, points: Sequence[dict]) -> Iterable[np.ndarray]:
        """Weights for each of ``points``; arguments as of ``_fit``."""
        raise NotImplementedError

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return X @ self.weights_ @ table.vectors.T
