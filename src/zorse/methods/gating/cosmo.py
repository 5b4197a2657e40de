"""COSMO (CVPR 2019): a gate reads two experts' confidences; each is smoothed where it should not be asked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state

from zorse.core import ClassTable, InputError, Paper, ZeroShotClassifier
from zorse.templates import GatedClassifier, RidgeToVectors, pseudo_unseen
from zorse.training.unlabelled import dividing_point
from zorse.training.validation import contest, harmonic_mean, mean_class_accuracy

SCALES = np.logspace(-1, 3, 41)  # of the unseen expert's scores
THRESHOLDS = np.linspace(0.02, 0.98, 49)
SOFTNESS = (0.01, 0.03, 0.1, 0.3, 1.0)


class COSMO(GatedClassifier):
    """Adaptive confidence smoothing: two experts, a confidence-based gate, and a prior where the gate says no.

    Parameters
    ----------
    seen_expert : ZeroShotClassifier, optional, default=None
        For seen classes; None takes the paper's softmax regression on the features.
    unseen_expert : ZeroShotClassifier
        For unseen classes.
    smoothing : bool, default=True
        False joins the experts by the law of total probability alone.
    k : int, default=5
        The gate sees the k largest probabilities of each expert.
    gate_temperature : float, default=3.0
        Softens the seen expert's probabilities (p^(1/T), made to sum to 1) for the gate.
    scale : float or "auto", default="auto"
        What the unseen expert's scores are multiplied by before the softmax; "auto" makes pseudo-unseen samples
        likeliest.
    held_out_classes : float, default=0.25
        Share of the seen classes that play unseen while the gate is learned.
    held_out : float, default=0.2
        Share of every other class's samples that is kept for the gate.
    random_state : int, RandomState or None
        Of the division.

    Attributes
    ----------
    seen_expert_, unseen_expert_ : ZeroShotClassifier
        Fitted on all samples.
    gate_coef_, gate_intercept_ : ndarray of shape (2 k,), float
        Logistic regression from confidences to "of a seen class".
    threshold_, softness_ : float
        P(unseen | x) = sigmoid((threshold - gate) / softness).
    scale_ : float

    Notes
    -----
    With pi the gate's P(unseen | x), unseen classes score pi (p_U(y) + (1 - pi) / |U|) and seen classes
    (1 - pi) (p_S(y) + pi / |S|): an expert asked about the other one's samples is drowned in a uniform prior rather
    than believed. All that decides (gate, threshold, softness, scale) is learned on training classes: some of
    them play unseen, experts are fitted without them, and both experts are then fitted anew on everything.
    Threshold and softness maximise the harmonic mean there.

    Differs from the paper: P(y, unseen) is the unseen expert's softmax over the unseen candidates, as for a model that
    gives no probability to seen classes; one pass over a grid for threshold and softness, not coarse to fine. The gate
    is fitted on all held-out samples, and so is its threshold.

    Where only a model's scores are known, :func:`smoothed_without_labels` takes both experts from their halves and
    learns the gate from unlabelled samples.

    Cost: two fits of each expert; O(n (|S| + |U|)) a point of a grid of 245.

    References
    ----------
    Atzmon, Chechik. Adaptive Confidence Smoothing for Generalized Zero-Shot Learning. CVPR 2019.
    """

    paper = Paper(
        title="Adaptive Confidence Smoothing for Generalized Zero-Shot Learning",
        authors="Yuval Atzmon, Gal Chechik",
        venue="CVPR",
        year=2019,
        url="https://arxiv.org/abs/1812.09903",
        aka=("COSMO", "adaptive confidence smoothing", "confidence smoothing"),
        seed=147,
    )

    def __init__(
        self,
        seen_expert: ZeroShotClassifier | None = None,
        unseen_expert: ZeroShotClassifier | None = None,
        smoothing: bool = True,
        k: int = 5,
        gate_temperature: float = 3.0,
        scale: float | str = "auto",
        held_out_classes: float = 0.25,
        held_out: float = 0.2,
        random_state=None,
    ):
        self.seen_expert = seen_expert
        self.unseen_expert = unseen_expert
        self.smoothing = smoothing
        self.k = k
        self.gate_temperature = gate_temperature
        self.scale = scale
        self.held_out_classes = held_out_classes
        self.held_out = held_out
        self.random_state = random_state

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        y = table.labels[rows]
        self._fit_gate(X, y, table.select(np.unique(y)))
        self.seen_expert_, self.unseen_expert_ = self._experts(X, y, table)

    def _fit_gate(self, X: np.ndarray, y: np.ndarray, known: ClassTable) -> None:
        unseen, test = pseudo_unseen(y, self.held_out_classes, self.held_out, check_random_state(self.random_state))
        seen_expert, unseen_expert = self._experts(X[~test], y[~test], known)
        is_unseen, seen_table, unseen_table = np.isin(y[test], unseen), known.without(unseen), known.select(unseen)
        scores = unseen_expert.with_candidates(unseen_table).scores(X[test])
        target = unseen_table.rows(y[test][is_unseen])
        self.scale_ = likeliest_scale(scores[is_unseen], target) if self.scale == "auto" else float(self.scale)
        p_seen = to_probabilities(seen_expert.with_candidates(seen_table).scores(X[test]))
        p_unseen = to_probabilities(self.scale_ * scores)
        features = confidences(p_seen, p_unseen, self.k, self.gate_temperature)
        gate = LogisticRegression(C=1.0, max_iter=1000).fit(features, ~is_unseen)
        self.gate_coef_, self.gate_intercept_ = gate.coef_[0], float(gate.intercept_[0])
        chosen = (-1.0, 0.5, 0.1)
        both = np.concatenate([seen_table.labels, unseen_table.labels])
        for threshold in THRESHOLDS:
            for softness in SOFTNESS:
                joined = join(p_seen, p_unseen, self._unseen(features, threshold, softness), self.smoothing)
                guess = both[np.hstack([joined.seen, joined.unseen]).argmax(axis=1)]
                parts = [mean_class_accuracy(y[test][part], guess[part]) for part in (is_unseen, ~is_unseen)]
                chosen = max(chosen, (harmonic_mean(*parts), float(threshold), softness), key=lambda c: c[0])
        _, self.threshold_, self.softness_ = chosen

    def _unseen(self, features: np.ndarray, threshold: float, softness: float) -> np.ndarray:
        gate = expit(features @ self.gate_coef_ + self.gate_intercept_)
        return expit((threshold - gate) / softness)

    def gate(self, X) -> np.ndarray:
        """P(unseen | x), shape (n,); needs candidates of both kinds."""
        if self.is_seen_.all() or not self.is_seen_.any():
            raise InputError("a gate needs candidates of both kinds, seen and unseen")
        p_seen = to_probabilities(self.seen_expert_.scores(X))
        p_unseen = to_probabilities(self.scale_ * self.unseen_expert_.scores(X))
        features = confidences(p_seen, p_unseen, self.k, self.gate_temperature)
        return self._unseen(features, self.threshold_, self.softness_)

    def _joined(self, X: np.ndarray, of_seen: np.ndarray, of_unseen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p_seen, p_unseen = np.exp(of_seen), np.exp(of_unseen)
        features = confidences(p_seen, p_unseen, self.k, self.gate_temperature)
        unseen = self._unseen(features, self.threshold_, self.softness_)
        joined = join(p_seen, p_unseen, unseen, self.smoothing)
        return np.log(joined.seen + 1e-300), np.log(joined.unseen + 1e-300)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Softmax regression beside ridge regression to class vectors."""
        return [{"unseen_expert": RidgeToVectors(), "random_state": 0}]


class Joined(NamedTuple):
    """P(y | x) of seen (n, s) and of unseen (n, u) candidates; with smoothing they add up to more than 1."""

    seen: np.ndarray
    unseen: np.ndarray


def to_probabilities(scores: np.ndarray) -> np.ndarray:
    """Softmax of rows."""
    return np.exp(scores - logsumexp(scores, axis=1, keepdims=True))


def confidences(p_seen: np.ndarray, p_unseen: np.ndarray, k: int, temperature: float) -> np.ndarray:
    """What the gate sees: the ``k`` largest of each row of both, descending, the seen ones softened; (n, 2 k)."""
    softened = p_seen ** (1 / temperature)
    return np.hstack([largest(p_unseen, k), largest(softened / softened.sum(axis=1, keepdims=True), k)])


def largest(p: np.ndarray, k: int) -> np.ndarray:
    """The ``k`` largest values of each row, descending; zeros where there are fewer columns."""
    top = descending(p, k)
    return np.pad(top, [(0, 0), (0, k - top.shape[1])])


def join(p_seen: np.ndarray, p_unseen: np.ndarray, unseen: np.ndarray, smoothing: bool = True) -> Joined:
    """Both experts' probabilities under the gate's P(unseen | x) (n,), each smoothed by what it is not asked for."""
    u = unseen[:, None]
    more = float(smoothing)
    return Joined((1 - u) * (p_seen + more * u / p_seen.shape[1]), u * (p_unseen + more * (1 - u) / p_unseen.shape[1]))


def likeliest_scale(scores: np.ndarray, target: np.ndarray) -> float:
    """The scale before the softmax under which the columns ``target`` (n,) are likeliest."""
    at = np.arange(len(target))
    unit = float((scores - scores.mean(axis=1, keepdims=True)).std())
    if unit == 0:  # one class, or scores that tell nothing
        return 1.0
    fit = [(s * scores[at, target] - logsumexp(s * scores, axis=1)).mean() for s in SCALES / unit]
    return float(SCALES[int(np.argmax(fit))] / unit)


def gate_without_labels(log_p: np.ndarray, seen: np.ndarray, k: int = 5) -> np.ndarray:
    """Log-odds that each unlabelled sample is of a seen class, shape (n,), from a model's log-probabilities (n, c).

    The two halves of the columns, ``seen`` (c,) and not, stand for the experts. Best seen minus best unseen score
    divides the samples into two (:func:`~zorse.training.unlabelled.dividing_point`); a logistic regression on the ``k``
    largest log-probabilities of each half learns the division, and its own dividing point is the threshold.
    """
    margin = contest(log_p, seen).margin
    features = np.hstack([descending(log_p[:, ~seen], k), descending(log_p[:, seen], k)])
    believed = margin >= dividing_point(margin)
    if believed.all():  # margins are all the same
        return np.zeros(len(margin))
    gate = LogisticRegression(C=1.0, tol=1e-7, max_iter=5000).fit(features, believed).decision_function(features)
    return gate - dividing_point(gate)


def smoothed_without_labels(log_p: np.ndarray, seen: np.ndarray, k: int = 5) -> np.ndarray:
    """Adaptive confidence smoothing (n, c) of one model's halves, gated by :func:`gate_without_labels`; logarithms."""
    unseen = expit(-gate_without_labels(log_p, seen, k))
    joined = join(to_probabilities(log_p[:, seen]), to_probabilities(log_p[:, ~seen]), unseen)
    out = np.empty(log_p.shape)
    out[:, seen], out[:, ~seen] = np.log(joined.seen + 1e-300), np.log(joined.unseen + 1e-300)
    return out


def descending(log_p: np.ndarray, k: int) -> np.ndarray:
    """The ``k`` largest values of each row, descending, or all where there are fewer columns."""
    return -np.sort(-log_p, axis=1)[:, :k]
