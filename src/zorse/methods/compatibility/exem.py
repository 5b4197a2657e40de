"""EXEM: the mean features of an unseen class are predicted from its vector, and the nearest mean wins."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from zorse.core import CapabilityError, ClassTable, InputError, Paper, ZeroShotClassifier
from zorse.nn.kernels import gaussian_kernel, kernel_ridge
from zorse.nn.vectors import class_sums, cosine, mean_square, negative_distance, unit_rows

METRICS = ("euclidean", "standardised", "whitened")


class EXEM(ZeroShotClassifier):
    r"""Visual exemplars: kernel regression from class vectors to class means among the principal components.

    Exemplars m(a) = m_0 + k(a)^T (K + alpha I)^-1 (M - m_0), with M the means of the seen classes, m_0 their mean and
    the kernel exp(-||a - b||^2 / sigma^2) of class vectors of unit length. A seen candidate keeps its own mean.

    Parameters
    ----------
    metric : {"euclidean", "standardised", "whitened"}, default="standardised"
        How near a sample is to an exemplar: by minus the squared distance; by that distance in units of the standard
        deviation of each component within classes, the paper's 1NNs; or, which is not in the paper, by the cosine from
        m_0 after whitening with the whole covariance within classes.
    components : int, default=500
        Principal components of the samples that are kept, at most as many as there are.
    sigma : float, default=1.0
        Width of the kernel.
    alpha : float, default=0.1
        Weight of the ridge penalty.
    smoothing : float, default=1.0
        Added to every variance within classes, in units of their mean, where the metric needs them; above 0.
    views : bool, default=False
        True: the kernel is the mean over the class vectors and every further view of the class table.

    Attributes
    ----------
    center_, basis_ : ndarray of shape (d,) and (d, p)
        x is placed at (x - center_) basis_; the basis holds the principal components, scaled by the metric.
    seen_exemplars_ : ndarray of shape (s, p)
        In the order of ``seen_``.
    seen_spaces_ : list of ndarray of shape (s, k_v)
        Unit class vectors of the seen classes, a space each.
    exemplars_ : ndarray of shape (c, p)
        Of the candidates.

    Raises
    ------
    InputError
        If ``metric`` is unknown or a number that has to be above 0 is not.
    CapabilityError
        If ``views`` is asked for and the class table has none.

    Notes
    -----
    Differs from the paper: ridge regression with the same kernel takes the place of one support vector regression for
    each component, which makes it a closed form. Exemplars as vectors for another method (EXEM with SynC) are not here.

    Cost: O(n d^2 + d^3 + s^3) to fit, s being the number of seen classes; O(c s (k + p)) for a label space,
    O(n p (d + c)) to score.

    References
    ----------
    Changpinyo, Chao and Sha, "Predicting visual exemplars of unseen classes for zero-shot learning", ICCV 2017.
    """

    paper = Paper(
        title="Predicting Visual Exemplars of Unseen Classes for Zero-Shot Learning",
        authors="Soravit Changpinyo, Wei-Lun Chao, Fei Sha",
        venue="ICCV",
        year=2017,
        url="https://arxiv.org/abs/1605.08151",
        aka=("EXEM", "visual exemplars"),
    )

    def __init__(
        self,
        metric: Literal["euclidean", "standardised", "whitened"] = "standardised",
        components: int = 500,
        sigma: float = 1.0,
        alpha: float = 0.1,
        smoothing: float = 1.0,
        views: bool = False,
    ):
        self.metric = metric
        self.components = components
        self.sigma = sigma
        self.alpha = alpha
        self.smoothing = smoothing
        self.views = views

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.metric not in METRICS:
            raise InputError(f"metric must be one of {', '.join(METRICS)}; got {self.metric!r}")
        for name in ("components", "sigma", "alpha", "smoothing"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be above 0; got {getattr(self, name)}")
        seen, target = np.unique(table.labels[rows], return_inverse=True)
        self.seen_spaces_ = [space[table.rows(seen)] for space in self._spaces(table)]
        means = class_sums(X, target, len(seen)) / np.bincount(target)[:, None]
        total = X - X.mean(axis=0)
        _, vectors = np.linalg.eigh(total.T @ total)
        basis = vectors[:, ::-1][:, : self.components]
        if self.metric != "euclidean":
            within = (X - means[target]) @ basis
            S = within.T @ within / len(X)
            floor = self.smoothing * mean_square(within, np.abs(X).max()) or 1.0  # samples that are all alike
            S += floor * np.eye(len(S))
            if self.metric == "standardised":
                basis = basis / np.sqrt(np.diag(S))
            else:  # S = L L^T, and x L^-T has no covariance left
                basis = solve_triangular(cholesky(S, lower=True), basis.T, lower=True).T
        self.center_, self.basis_ = means.mean(axis=0), basis
        self.seen_exemplars_ = (means - self.center_) @ basis

    def _prepare(self, table: ClassTable) -> None:
        pairs = list(zip(self._spaces(table), self.seen_spaces_, strict=True))
        k = np.mean([gaussian_kernel(space, seen, self.sigma) for space, seen in pairs], axis=0)
        K = np.mean([gaussian_kernel(seen, seen, self.sigma) for _, seen in pairs], axis=0)
        exemplars = kernel_ridge(K, self.seen_exemplars_, k, self.alpha)
        known = np.flatnonzero(np.isin(table.labels, self.seen_))
        exemplars[known] = self.seen_exemplars_[np.searchsorted(self.seen_, table.labels[known])]
        self.exemplars_ = exemplars

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        near = cosine if self.metric == "whitened" else negative_distance
        return near((X - self.center_) @ self.basis_, self.exemplars_)

    def _spaces(self, table: ClassTable) -> list[np.ndarray]:
        if self.views and not table.views:
            raise CapabilityError("EXEM was asked to use views; the class table has none beside its vectors")
        return [unit_rows(space) for space in (table.vectors, *((table.views or ()) if self.views else ()))]

    @classmethod
    def example_params(cls) -> list[dict]:
        """Each metric."""
        return [{"metric": metric} for metric in METRICS]
