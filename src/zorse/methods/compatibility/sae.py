"""SAE: a linear auto-encoder whose code is the class vector."""

from __future__ import annotations

from typing import Literal

import numpy as np

from zorse.core import ClassTable, InputError, Paper
from zorse.nn.shifted import ShiftedSystems
from zorse.nn.vectors import class_sums, cosine
from zorse.templates import BilinearClassifier


class SAE(BilinearClassifier):
    r"""Semantic auto-encoder: encode a sample to its class vector, decode it by the same map transposed.

    With X (n, d) the samples and S (n, k) their class vectors, it minimises over W (k, d)

        ||X - S W||^2 + lam ||X W^T - S||^2,

    which is solved by the Sylvester equation (S^T S) W + W (lam X^T X) = (1 + lam) S^T X.

    Parameters
    ----------
    lam : float, default=1.0
        Weight of encoding against reconstruction, above 0.
    direction : {"encode", "decode"}, default="encode"
        Where samples meet classes: "encode" compares the code of a sample with the class vectors (F to S in the paper),
        "decode" compares the sample with decoded class vectors (S to F).

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)
        The encoder, W^T; its transpose is the decoder.

    Raises
    ------
    InputError
        If ``lam`` is not above 0 or ``direction`` is unknown.

    Notes
    -----
    Differs from the paper: the Sylvester equation is solved by making one of its symmetric sides diagonal and the other
    tridiagonal, where the paper calls the Bartels-Stewart solver; of several solutions (attributes that no seen class
    has) the one of least norm is taken. Samples and class vectors are used as given; the released code scales features
    to unit length on some data sets.

    Cost: O(n d^2 + d^3 + k^3) to fit, whatever n; O(n d k + n k c) to score, or O(k d c + n d c) when decoding.

    References
    ----------
    Kodirov, Xiang and Gong, "Semantic autoencoder for zero-shot learning", CVPR 2017.
    """

    paper = Paper(
        title="Semantic Autoencoder for Zero-Shot Learning",
        authors="Elyor Kodirov, Tao Xiang, Shaogang Gong",
        venue="CVPR",
        year=2017,
        url="https://arxiv.org/abs/1704.08345",
        aka=("SAE",),
    )

    def __init__(self, lam: float = 1.0, direction: Literal["encode", "decode"] = "encode"):
        self.lam = lam
        self.direction = direction

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.direction not in ("encode", "decode"):
            raise InputError(f"direction must be 'encode' or 'decode'; got {self.direction!r}")
        if not self.lam > 0:
            raise InputError(f"lam must be above 0; got {self.lam}")
        self.weights_ = sae_path(X, rows, table, [self.lam])[0]

    def _path(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, points) -> np.ndarray:
        return sae_path(X, rows, table, [point.get("lam", self.lam) for point in points])

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        if self.direction == "encode":
            return cosine(X @ self.weights_, table.vectors)
        return cosine(X, table.vectors @ self.weights_.T)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Both directions."""
        return [{}, {"direction": "decode"}]


def sae_path(X: np.ndarray, rows: np.ndarray, table: ClassTable, lams) -> np.ndarray:
    """The weights of :class:`SAE` for every weight in ``lams``, shape (len(lams), d, k), from one decomposition a side.

    Arguments and cost are those of ``fit``; each further weight costs O(d^2 k + d k^2).
    """
    seen, column = np.unique(rows, return_inverse=True)
    S = table.vectors[seen]
    a, U = np.linalg.eigh(S.T * np.bincount(column) @ S)  # of S^T S over samples
    # Directions that no class vector has take no part: of all solutions, the one of least norm.
    active = a > a.max(initial=0) * len(a) * np.finfo(float).eps
    a, U = a[active], U[:, active]
    systems = ShiftedSystems(X.T @ X)
    core = systems.rotated(class_sums(X, column, len(seen)).T @ (S @ U))
    # A direction of class vectors at a time, the equation is (lam X^T X + a_j I) w_j = (1 + lam) c_j.
    rotated = [(1 + lam) * systems.solve_rotated(core[:, [j]], a[j], lam) for lam in lams for j in range(len(a))]
    weights = systems.back(np.hstack(rotated)) if rotated else np.empty((X.shape[1], 0))
    return np.stack([of_lam @ U.T for of_lam in np.split(weights, len(lams), axis=1)])
