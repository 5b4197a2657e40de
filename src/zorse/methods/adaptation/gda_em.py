"""GDA without labels (ICLR 2024): the mixture of Gaussians that fits unlabelled samples, started by CLIP."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.nn.gaussian import intercepts, shrunk_precision_times
from zorse.nn.vectors import unit_rows


class GDAEM(ZeroShotClassifier):
    """Gaussian discriminant analysis whose labels are expectation-maximisation's, from a zero-shot start.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of the Gaussian classifier beside CLIP's.
    iterations : int, default=10
        Of expectation and maximisation.
    prior : {"uniform", "mixture"}, default="uniform"
        Class prior: equal, or the shares of the mixture.
    scale : float, default=100.0
        Inverse temperature of CLIP; the encoder's ``logit_scale``.

    Attributes
    ----------
    means_ : ndarray of shape (c, d)
        Of the classes of ``labels_``, which ``fit`` knew.
    shares_ : ndarray of shape (c,)
        Of the mixture; they tell how common each class is among the unlabelled samples.
    scatter_ : ndarray of shape (d, d)
        And ``size_``, the number of samples it is summed over.
    weights_, intercepts_
        Linear classifier of the candidates.

    Notes
    -----
    Samples start with CLIP's probabilities r. A maximisation takes class means and the shared covariance weighted by r,
    inverted as in :class:`~zorse.methods.adaptation.gda.GDA`; an expectation sets r to the softmax of the scores
    ``scale cos(x, t_c) + alpha (w_c' x + b_c)``, which are also the answers. A class without weight keeps its text as
    mean, as does a class that ``fit`` did not know.

    Differs from the paper: expectations are taken under the ensemble with CLIP, not under the mixture alone, whose
    classes otherwise drift away from their names; alpha is not tuned, there being no labels.

    Cost: O(iterations (m c d + d^3 + c d^2) + m d^2). Predict O(n c d).

    References
    ----------
    Wang, Liang, Sheng, He, Wang, Tan. A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation. ICLR 2024.
    """

    paper = Paper(
        title="A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation",
        authors="Zhengbo Wang, Jian Liang, Lijun Sheng, Ran He, Zilei Wang, Tieniu Tan",
        venue="ICLR",
        year=2024,
        url="https://arxiv.org/abs/2402.04087",
        aka=("GDA-EM", "unsupervised GDA", "EM with CLIP"),
        seed=86,
    )
    traits = Traits(trained=False, needs_unlabelled=True, aligned_space=True)

    def __init__(self, alpha: float = 1.0, iterations: int = 10, prior: str = "uniform", scale: float = 100.0):
        self.alpha = alpha
        self.iterations = iterations
        self.prior = prior
        self.scale = scale

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        if self.prior not in ("uniform", "mixture"):
            raise InputError(f"prior must be 'uniform' or 'mixture'; got {self.prior!r}")
        if self.iterations < 1:
            raise InputError(f"iterations must be at least 1; got {self.iterations}")
        x, T = unit_rows(unlabelled), unit_rows(table.vectors)
        zero, gram = self.scale * x @ T.T, x.T @ x
        scores = zero
        for _ in range(self.iterations):
            r = softmax(scores, axis=1)
            size = r.sum(axis=0)
            means = np.where((size > 1e-6)[:, None], (r.T @ x) / np.maximum(size, 1e-6)[:, None], T)
            self.labels_, self.means_, self.shares_ = table.labels, means, size / len(x)
            self.scatter_, self.size_ = gram - (means * size[:, None]).T @ means, len(x)
            W, b = self._classifier(means, self.shares_)
            scores = zero + self.alpha * (x @ W.T + b)

    def _classifier(self, means: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        W = shrunk_precision_times(self.scatter_, self.size_, means)
        log_prior = -np.log(len(self.means_)) if self.prior == "uniform" else np.log(np.maximum(shares, 1e-6))
        return W, intercepts(W, means, log_prior)

    def _prepare(self, table: ClassTable) -> None:
        if table.n_classes == 0:
            raise InputError("GDAEM needs at least one candidate class; got none")
        at = {label: i for i, label in enumerate(self.labels_.tolist())}
        place = np.array([at.get(label, -1) for label in table.labels.tolist()])
        means = np.where((place >= 0)[:, None], self.means_[place], unit_rows(table.vectors))
        self.weights_, self.intercepts_ = self._classifier(means, np.where(place >= 0, self.shares_[place], 0.0))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        x = unit_rows(X)
        return self.scale * x @ unit_rows(table.vectors).T + self.alpha * (x @ self.weights_.T + self.intercepts_)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Equal classes, and the mixture's own shares."""
        return [{}, {"prior": "mixture", "iterations": 3, "scale": 20.0}]
