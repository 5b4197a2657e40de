"""SynC: classifiers of unseen classes are synthesised from those of phantom classes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.linalg import pinv
from scipy.special import softmax
from sklearn.metrics import pairwise_distances

from zorse.core import ClassTable, InputError, Paper, ZeroShotClassifier
from zorse.nn.vectors import unit_rows
from zorse.training import minimise_hinge, minimise_linear

LOSSES = ("one-vs-other", "crammer-singer", "structured")
MAX_ITER = 300  # of L-BFGS


class SynC(ZeroShotClassifier):
    r"""Synthesised classifiers: a class's weights are a convex combination of phantom classes' weights.

    The phantom classes b_r stand at the vectors of the seen classes. A class with vector a_c has weights
    w_c = sum_r s_cr v_r, with s_cr = exp(-||a_c - b_r||^2 / sigma^2) / sum_q exp(-||a_c - b_q||^2 / sigma^2).
    Seen w_c minimise a loss plus lam / 2 ||w_c||^2; then V = S^+ W reconstructs the phantoms, and any class follows.

    Parameters
    ----------
    loss : {"one-vs-other", "crammer-singer", "structured"}, default="one-vs-other"
        Mean squared hinge of every class against all others; the multi-class hinge; or that hinge with the distance of
        the two class vectors as its margin.
    sigma : float, default=1.0
        Width of the similarity, in units of the length of a class vector. It plays no part in learning W, so another
        one is tried without another fit: ``model.set_params(sigma=2.0).with_candidates(...)``.
    lam : float, default=1e-4
        Weight of the l2 penalty; the paper searches 2^-24 to 2^-9.

    Attributes
    ----------
    phantoms_ : ndarray of shape (s, k)
        b_r, class vectors of unit length.
    seen_weights_ : ndarray of shape (s, d)
        W, in the order of ``seen_``.
    phantom_weights_ : ndarray of shape (s, d)
        V.
    weights_ : ndarray of shape (c, d)
        Of the candidates.

    Raises
    ------
    InputError
        If ``loss`` is unknown, ``sigma`` or ``lam`` is not above 0, or there is only one seen class.

    Notes
    -----
    Differs from the paper: b_r stay at the seen class vectors, its simpler variant, and not learned; "the fast way" of
    the released code is taken, which first learns W and then solves for V, exact when s_cr is invertible. Weights start
    from zero. Phantom classes number as many as seen ones.

    The squared hinge is smooth and goes to L-BFGS; the multi-class hinges are solved in their dual, to a thousandth of
    the objective. Either warns where its iterations ran out.

    Cost: O(n d^2 + d^3) and O((n + d) d s) an iteration of L-BFGS to fit, s being the number of seen classes, or
    O(m s d) a pass over the m samples that are not settled; O(c s (k + d)) for a label space, O(n c d) to score.

    References
    ----------
    Changpinyo, Chao, Gong and Sha, "Synthesized classifiers for zero-shot learning", CVPR 2016.
    """

    paper = Paper(
        title="Synthesized Classifiers for Zero-Shot Learning",
        authors="Soravit Changpinyo, Wei-Lun Chao, Boqing Gong, Fei Sha",
        venue="CVPR",
        year=2016,
        url="https://arxiv.org/abs/1603.00550",
        aka=("SynC", "synthesised classifiers"),
    )

    def __init__(
        self,
        loss: Literal["one-vs-other", "crammer-singer", "structured"] = "one-vs-other",
        sigma: float = 1.0,
        lam: float = 1e-4,
    ):
        self.loss = loss
        self.sigma = sigma
        self.lam = lam

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.loss not in LOSSES:
            raise InputError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}")
        self._check()
        seen, target = np.unique(table.labels[rows], return_inverse=True)
        if len(seen) < 2:
            raise InputError(f"SynC needs at least two seen classes; got {seen[0]!s} alone")
        self.phantoms_ = unit_rows(table.vectors[table.rows(seen)])
        self.seen_weights_ = self._classifiers(X, target)

    def _check(self) -> None:
        if not (self.sigma > 0 and self.lam > 0):
            raise InputError(f"sigma and lam must be above 0; got {self.sigma} and {self.lam}")

    def similarity(self, vectors: np.ndarray) -> np.ndarray:
        """s_cr of classes with ``vectors`` (c, k), shape (c, s); rows sum to 1."""
        squared = pairwise_distances(unit_rows(vectors), self.phantoms_, metric="sqeuclidean")
        return softmax(-squared / self.sigma**2, axis=1)

    def _prepare(self, table: ClassTable) -> None:
        self._check()  # sigma may have been changed since the fit
        self.phantom_weights_ = pinv(self.similarity(self.phantoms_)) @ self.seen_weights_
        self.weights_ = self.similarity(table.vectors) @ self.phantom_weights_

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return X @ self.weights_.T

    def _classifiers(self, X: np.ndarray, target: np.ndarray) -> np.ndarray:
        """W (s, d) of the seen classes."""
        n, s = len(X), len(self.phantoms_)
        if self.loss != "one-vs-other":
            distances = pairwise_distances(self.phantoms_) if self.loss == "structured" else 1 - np.eye(s)
            return minimise_hinge(X, target, distances, penalty=self.lam)
        sign = np.where(np.arange(s) == target[:, None], 1.0, -1.0)

        def loss(scores: np.ndarray) -> tuple[float, np.ndarray]:
            """Its value, and its slope with respect to the scores (n, s)."""
            short = np.maximum(0, 1 - sign * scores)
            return (short**2).sum() / (n * s), -2 * sign * short / (n * s)

        penalty = np.full(X.shape[1], self.lam)
        return minimise_linear(X, s, loss, penalty=penalty, curvature=2 / (n * s), max_iter=MAX_ITER).T

    @classmethod
    def example_params(cls) -> list[dict]:
        """Each loss; the multi-class hinges with a penalty that needs few passes on features of any scale."""
        return [{"loss": loss, "lam": 1e-4 if loss == "one-vs-other" else 100.0} for loss in LOSSES]
