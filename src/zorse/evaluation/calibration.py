"""Whether a stated probability is as often right as it says, and how to make it so."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logsumexp

from zorse.core import InputError

_BETAS = 1 / 20.0, 20.0  # a temperature outside is what a sample without mistakes, or without hits, asks for


@dataclass
class Reliability:
    """Stated confidences against how often they were right, in bins of equal width; grows with no sample.

    Attributes
    ----------
    bins : int
    counts, confidence, right : ndarray of shape (bins,)
        Samples of each bin, the sum of their confidences, and how many of them were right.

    Notes
    -----
    The last bin holds 1. The binned error is biased upwards for few samples, however true the probabilities are.
    """

    bins: int = 15
    counts: np.ndarray = field(init=False)
    confidence: np.ndarray = field(init=False)
    right: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise InputError(f"at least one bin is needed; got {self.bins}")
        self.counts, self.confidence, self.right = np.zeros(self.bins), np.zeros(self.bins), np.zeros(self.bins)

    def add(self, confidence, right) -> None:
        """Take one sample, or arrays of them."""
        confidence, right = np.atleast_1d(np.asarray(confidence, float)), np.atleast_1d(np.asarray(right, float))
        if confidence.shape != right.shape or not ((confidence >= 0) & (confidence <= 1 + 1e-9)).all():
            raise InputError("expected as many confidences in [0, 1] as verdicts")
        at = np.minimum((confidence * self.bins).astype(int), self.bins - 1)
        self.counts += np.bincount(at, minlength=self.bins)
        self.confidence += np.bincount(at, confidence, self.bins)
        self.right += np.bincount(at, right, self.bins)

    @property
    def n(self) -> int:
        """Samples taken."""
        return int(self.counts.sum())

    @property
    def error(self) -> float | None:
        """Expected calibration error: the gap of each bin's mean confidence and accuracy, weighted by its samples."""
        return float(np.abs(self.confidence - self.right).sum() / self.n) if self.n else None

    def rows(self) -> list[tuple[float, float, int, float, float]]:
        """(from, to, samples, mean confidence, accuracy) of each bin that holds any."""
        return [
            (b / self.bins, (b + 1) / self.bins, int(n), float(self.confidence[b] / n), float(self.right[b] / n))
            for b, n in enumerate(self.counts)
            if n
        ]


def reliability(confidence, right, bins: int = 15) -> Reliability:
    """:class:`Reliability` of arrays (n,) of confidences and of verdicts."""
    found = Reliability(bins)
    found.add(confidence, right)
    return found


def fit_temperature(scores, rows) -> float:
    """The temperature by which to divide ``scores`` (n, c) so that their softmax is likeliest to give ``rows`` (n,).

    Notes
    -----
    Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, ICML 2017. The likelihood is concave in the
    inverse temperature, so that the maximum found is the only one; it is kept within [1/20, 20]. Which label is the
    likeliest does not change. Cost: O(n c) a step, some twenty steps.

    Raises
    ------
    InputError
        If there is no sample, or sizes disagree.
    """
    scores, rows = np.asarray(scores, float), np.asarray(rows)
    if scores.ndim != 2 or rows.shape != (len(scores),) or not len(scores):
        raise InputError(f"expected scores (n, c) and rows (n,), n above 0; got {scores.shape} and {rows.shape}")
    gaps = scores - scores[np.arange(len(rows)), rows][:, None]

    def loss(log_beta: float) -> float:
        return float(logsumexp(np.exp(log_beta) * gaps, axis=1).mean())

    low, high = np.log(_BETAS)
    best = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(-best.x))


def fit_sigmoid(logits, present, by_label: bool = False) -> tuple[float, np.ndarray]:
    """Slope and offset that make ``sigmoid(slope * logits + offset)`` likeliest to give ``present``, of equal shape.

    Parameters
    ----------
    logits, present : array-like
    by_label : bool
        Give each column of (n, c) arrays an offset of its own: a common one, and a common multiple of the log-odds of
        the label in the sample. Three numbers are fitted, however many labels there are.

    Returns
    -------
    slope : float
    offset : ndarray of shape () or (c,)

    Raises
    ------
    InputError
        If sizes disagree, or verdicts are all alike.

    Notes
    -----
    Platt's scaling with his smoothed targets; the slope is kept above 0, so that no order within a label changes.
    Cost: O(n c) a step.
    """
    x, present = np.asarray(logits, float), np.asarray(present, bool)
    yes, no = present.sum(), (~present).sum()
    if x.shape != present.shape or not yes or not no:
        raise InputError("expected logits and verdicts of one shape, with both kinds among the verdicts")
    centre, spread = x.mean(), x.std() or 1.0
    z = (x - centre) / spread
    target = np.where(present, (yes + 1) / (yes + 2), 1 / (no + 2))
    odds = np.zeros(())
    if by_label:
        share = (present.sum(axis=0) + 1) / (len(present) + 2)
        odds = np.log(share / (1 - share))

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        slope = np.exp(theta[0])
        t = slope * z + theta[1] + theta[2] * odds
        gap = expit(t) - target
        gradient = np.array([(gap * z).mean() * slope, gap.mean(), (gap * odds).mean()])
        return float((np.logaddexp(0, t) - target * t).mean()), gradient

    # With the odds of each label told, the common offset starts at nothing.
    start = np.array([0.0, 0.0 if by_label else np.log(yes / no), float(by_label)])
    bounds = [(-5, 5), (-50, 50), (0, 5) if by_label else (0, 0)]
    theta = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    slope = float(np.exp(theta[0]) / spread)
    return slope, theta[1] + theta[2] * odds - slope * centre


def best_threshold_f1(scores, present) -> tuple[float, float]:
    """The threshold with the best F1 over ``scores`` (n,), halfway between two of them, and that F1; O(n log n)."""
    scores, present = np.asarray(scores, float), np.asarray(present, bool)
    if not present.any():
        raise InputError("no sample shows the label, so that no threshold can be chosen")
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(present[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + present.sum())
    f1[:-1][ranked[:-1] == ranked[1:]] = -1.0  # equal scores are not parted
    at = int(np.argmax(f1))
    below = ranked[at + 1] if at + 1 < len(ranked) else ranked[at] - (ranked[0] - ranked[-1]) / (2 * len(ranked))
    return float((ranked[at] + below) / 2), float(f1[at])
