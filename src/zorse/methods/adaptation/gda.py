"""GDA (ICLR 2024): Gaussian discriminant analysis on a few shots, added to CLIP's zero-shot classifier."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zorse.core import ClassTable, InputError, Paper, Traits
from zorse.nn.gaussian import intercepts, shrunk_precision_times
from zorse.nn.search import nearest
from zorse.nn.vectors import class_sums, unit_rows
from zorse.templates import FeatureAdapter


class GDA(FeatureAdapter):
    """Gaussian classes with one shared covariance, in closed form, ensembled with the zero-shot classifier.

    Parameters
    ----------
    alpha : float, optional, default=None
        Weight of the Gaussian classifier beside CLIP's; None: by cross-validation on the shots among the
        authors' powers of ten from 1e-4 to 100, 1 where there is nothing to validate on.
    prior : {"uniform", "shots"}, default="uniform"
        Class prior: equal, or the share of a class among the shots, for imbalanced data that is met again.
    k : int, default=64
        Shots nearest to its text that a class without shots is synthesised from.
    copies : int, default=16
        How often its text counts among them.
    scale : float, default=100.0
        Inverse temperature of CLIP; the encoder's ``logit_scale``.
    n_folds : int, default=4
    random_state : int, RandomState or None
        Of the folds.

    Attributes
    ----------
    weights_ : ndarray of shape (c, d)
        Linear classifier of the candidates, the Gaussian part.
    intercepts_ : ndarray of shape (c,)
    setting_, validation_
        The alpha in use, and its accuracy on held-out shots.
    state_ : dict
        ``means`` (s, d), ``weights`` (s, d), ``bias`` (s,) of classes with shots; ``shots`` (n, d).

    Notes
    -----
    With class means mu_c and the covariance S of the n shots about them, P = d ((n - 1) S + tr(S) I)^-1 is the ridge
    estimator of Kubokawa and Srivastava, w_c = P mu_c, b_c = log pi_c - 1/2 mu_c' P mu_c, and a sample scores
    ``scale cos(x, t_c) + alpha (w_c' x + b_c)``. A class of the table without shots (base-to-new) gets the mean of its
    ``k`` nearest shots and ``copies`` of its text, and a covariance about the texts averaged over such candidates, so
    that its score depends on which other candidates lack shots.

    Differs from the paper: shots are not augmented; alpha is chosen by cross-validation on them, where the authors use
    a validation set; base classes keep the pooled covariance when others have no shots (the released code
    averages covariances by class, which for equal shots is the same up to the ridge). With one shot a class the
    covariance is taken to be the identity.

    Cost: O(n d (d + s) + f (d^3 + s d^2)) for f folds and s classes with shots, whatever the number of alphas: no
    training. Predict O(n c d).

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
        aka=("GDA", "GDA-CLIP", "Gaussian discriminant analysis", "hard-to-beat baseline"),
        seed=86,
    )
    traits = Traits(aligned_space=True, open_candidates=False)

    def __init__(
        self,
        alpha: float | None = None,
        prior: str = "uniform",
        k: int = 64,
        copies: int = 16,
        scale: float = 100.0,
        n_folds: int = 4,
        random_state=None,
    ):
        self.alpha = alpha
        self.prior = prior
        self.k = k
        self.copies = copies
        self.scale = scale
        self.n_folds = n_folds
        self.random_state = random_state

    def _settings(self) -> list[dict]:
        if self.prior not in ("uniform", "shots"):
            raise InputError(f"prior must be 'uniform' or 'shots'; got {self.prior!r}")
        grid = (1.0, 1e-4, 1e-3, 0.01, 0.1, 10.0, 100.0)
        return [{"alpha": alpha} for alpha in (grid if self.alpha is None else (self.alpha,))]

    def _learn(self, x: np.ndarray, y: np.ndarray, T: np.ndarray, settings: list[dict], generator) -> dict:
        sums, size = class_sums(x, y, len(T)), np.bincount(y, minlength=len(T))
        return self._gaussian(x.T @ x, sums, size) | {"shots": x}

    def _learn_folds(
        self, x: np.ndarray, y: np.ndarray, T: np.ndarray, fold: np.ndarray, settings: list[dict], generator
    ) -> Iterator[tuple[np.ndarray, dict]]:
        # Sums over all shots less those held out: each shot is multiplied once, not once a fold.
        parts = [np.flatnonzero(fold == k) for k in np.unique(fold)]
        grams = [own.T @ own for own in (x[part] for part in parts)]
        gram, sums, size = sum(grams), class_sums(x, y, len(T)), np.bincount(y, minlength=len(T))
        for held, less in zip(parts, grams, strict=True):
            if fold[held[0]] < 0:  # the only shot of its class is never held out
                continue
            own = class_sums(x[held], y[held], len(T))
            yield held, self._gaussian(gram - less, sums - own, size - np.bincount(y[held], minlength=len(T)))

    def _gaussian(self, gram: np.ndarray, sums: np.ndarray, size: np.ndarray) -> dict:
        """Of shots with the Gram matrix (d, d), sums (s, d) and sizes (s,) of their classes."""
        means, n = sums / size[:, None], size.sum()
        weights = shrunk_precision_times(gram - sums.T @ means, n, means)
        log_prior = -np.log(len(size)) if self.prior == "uniform" else np.log(size / n)
        return {"means": means, "weights": weights, "bias": intercepts(weights, means, log_prior)}

    def _logits(self, x: np.ndarray, T: np.ndarray, place: np.ndarray, state: dict, setting: dict) -> np.ndarray:
        return self._zero_shot(x, T) + setting["alpha"] * (x @ state["weights"][place].T + state["bias"][place])

    def _logits_each(
        self, x: np.ndarray, T: np.ndarray, place: np.ndarray, state: dict, settings: list[dict]
    ) -> Iterator[np.ndarray]:
        # One pair of products for all alphas; only ever to compare them, so in single precision.
        x, T, W, b = (a.astype(np.float32) for a in (x, T, state["weights"][place], state["bias"][place]))
        plain, own = self._zero_shot(x, T), x @ W.T + b
        for setting in settings:
            yield plain + np.float32(setting["alpha"]) * own

    def _prepare(self, table: ClassTable) -> None:
        super()._prepare(table)
        W, b, new = self.state_["weights"][self.place_], self.state_["bias"][self.place_], self.place_ < 0
        if new.any():
            W[new], b[new] = self._synthesised(unit_rows(table.vectors[new]))
        self.weights_, self.intercepts_ = W, b

    def _synthesised(self, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (u, d) and intercepts (u,) of classes of which only the texts T (u, d) are known."""
        shots = self.state_["shots"]
        near = shots[nearest(T, shots, self.k)[0]]
        n = near.shape[1] + self.copies
        means = (near.sum(axis=1) + self.copies * T) / n
        about = (near - T[:, None]).reshape(-1, T.shape[1])  # its copies lie on the text itself
        weights = shrunk_precision_times(about.T @ about / len(T), n, means)
        return weights, intercepts(weights, means, -np.log(len(self.seen_)))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        x = unit_rows(X)
        own = x @ self.weights_.T + self.intercepts_
        return self._zero_shot(x, unit_rows(table.vectors)) + self.setting_["alpha"] * own

    @classmethod
    def example_params(cls) -> list[dict]:
        """Cross-validated, and with a given weight and the shots' own prior."""
        return [{"random_state": 0}, {"alpha": 1.0, "prior": "shots", "k": 5, "random_state": 0}]
