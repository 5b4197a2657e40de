"""The contract of retrieval on vectors, and the method that all others are measured by."""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from zorse.core.errors import InputError
from zorse.core.samples import check_finite


@runtime_checkable
class Retriever(Protocol):
    """Finds the nearest of what it was given; :func:`zorse.testing.contract_of` gives its checks."""

    def fit(self, gallery: np.ndarray) -> Self:
        """Take in the vectors (m, d) that are searched."""

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Index and score of the ``k`` best rows for each query.

        Parameters
        ----------
        queries : ndarray of shape (q, d)
        k : int
            At least 1; of a gallery of m rows at most m are given.

        Returns
        -------
        indices, scores : ndarray of shape (q, min(k, m))
            Best first; a larger score is better.

        Raises
        ------
        InputError
            If ``k`` is below 1, queries are not as long as the gallery's rows, or a value is not finite: it says where.
        """


class ExactRetriever(BaseEstimator):
    """Compares each query with every row by inner product; the cosine, where vectors have length 1.

    Attributes
    ----------
    gallery_ : ndarray of shape (m, d), float32

    Notes
    -----
    Cost: O(q m d), as matrix products in blocks.
    """

    gallery_: np.ndarray

    def fit(self, gallery: Any, y: None = None) -> Self:
        """See :class:`Retriever`."""
        self.gallery_ = _vectors(gallery, "gallery")
        return self

    def search(self, queries: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Retriever`."""
        from zorse.nn.search import nearest

        check_is_fitted(self)
        asked, d = _vectors(queries, "queries"), self.gallery_.shape[1]
        if k < 1:
            raise InputError(f"at least one row must be asked for; got {k}")
        if asked.shape[1] != d:
            raise InputError(f"queries have {asked.shape[1]} numbers each; the gallery's rows have {d}")
        return nearest(asked, self.gallery_, k)


def _vectors(X: Any, name: str) -> np.ndarray:
    X = np.asarray(X, dtype=np.float32)
    if X.ndim != 2:
        raise InputError(f"{name} must be (rows, numbers); got shape {X.shape}")
    check_finite(X, name)
    return X
