"""How good the answers of several methods are, judged without any label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax
from scipy.stats import rankdata, spearmanr

from zorse.core import InputError

#: What each criterion measures; larger is better for all of them.
CRITERIA = {
    "confidence": "mean probability of the likeliest label",
    "certainty": "entropy of an answer, subtracted from its largest value",
    "margin": "how far the likeliest label is ahead of the next",
    "information": "mutual information of images and answers: sure of each, and various over all",
    "dispersity": "nuclear norm of the probabilities: sure of each, and various over all",
    "levelled": "dispersity, once every method is made as sure as the others",
    "stability": "answers that stay the same when images are disturbed, beyond chance",
    "neighbours": "answers shared with the nearest images, beyond chance",
    "consensus": "answers shared with the weighted vote of all methods",
    "together": "mean of the ranks by information, stability, neighbours and consensus",
}
_JOINED = ("information", "stability", "neighbours", "consensus")


def confidence_criteria(p: np.ndarray) -> dict[str, float]:
    """The criteria that rest on probabilities p (n, c).

    Notes
    -----
    ``dispersity`` is the nuclear norm over its largest value, sqrt(n min(n, c)) (Deng, Suh, Gould, Zheng, Confidence
    and Dispersity Speak, ICML 2023); ``information`` is in nats. Both are low for answers that
    collapse into a few labels.
    Cost: O(n c min(n, c)).
    """
    p = np.asarray(p, float)
    if p.ndim != 2 or p.shape[1] < 2 or not len(p):
        raise InputError(f"expected probabilities (n, c) of two labels or more; got {p.shape}")
    top = -np.partition(-p, 1, axis=1)[:, :2]
    mean, own = _entropy(p.mean(axis=0)), float(np.mean(_entropy(p)))
    return {
        "confidence": float(top[:, 0].mean()),
        "certainty": float(np.log(p.shape[1]) - own),
        "margin": float((top[:, 0] - top[:, 1]).mean()),
        "information": float(mean - own),
        "dispersity": _dispersity(p),
        "levelled": _dispersity(_levelled(p)),
    }


def _dispersity(p: np.ndarray) -> float:
    return float(np.linalg.norm(p, "nuc") / np.sqrt(len(p) * min(p.shape)))


def _levelled(p: np.ndarray) -> np.ndarray:
    """Probabilities at the temperature at which their mean entropy is half of the largest: methods differ in scale."""
    logits, target = np.log(np.maximum(p, 1e-300)), 0.5 * np.log(p.shape[1])

    def gap(log_slope: float) -> float:
        return float(np.mean(_entropy(softmax(np.exp(log_slope) * logits, axis=1)))) - target

    low, high = np.log(1e-4), np.log(1e6)
    if gap(low) <= 0 or gap(high) >= 0:  # answers without any difference, or none but ties
        return p
    return softmax(np.exp(brentq(gap, low, high, xtol=1e-3)) * logits, axis=1)


def beyond_chance(a: np.ndarray, b: np.ndarray, n_labels: int) -> float:
    """Agreement of two answers (n,) to the same images less what their label shares give by chance (Cohen's kappa).

    Where chance alone explains all of it, as where every answer is the same label, it is 0.
    """
    shares = [np.bincount(v, minlength=n_labels) / len(v) for v in (a, b)]
    chance = float(shares[0] @ shares[1])
    return float((np.mean(a == b) - chance) / (1 - chance)) if chance < 1 - 1e-12 else 0.0


def neighbour_agreement(answers: np.ndarray, neighbours: np.ndarray, n_labels: int) -> float:
    """How far an image's answer (n,) is that of its nearest images, rows of ``neighbours`` (n, k), beyond chance."""
    return beyond_chance(np.repeat(answers, neighbours.shape[1]), answers[neighbours.ravel()], n_labels)


def consensus(answers: Sequence[np.ndarray], n_labels: int, rounds: int = 50) -> np.ndarray:
    """How often each of m methods gives the weighted majority's answer, shape (m,).

    Notes
    -----
    The one-coin model of Dawid and Skene, fitted by expectation maximisation: a method is right with a probability of
    its own and errs evenly over the other labels. The figure is that probability. It presumes that methods err
    independently of each other, which methods over one encoder do not: it favours what most of them have in common.
    Cost: O(rounds m n + n c).
    """
    votes = np.stack([np.asarray(one) for one in answers])
    m, n = votes.shape
    right = np.full(m, 0.7 if n_labels > 1 else 1.0)
    for _ in range(rounds):
        weight = np.log(right * (n_labels - 1) / (1 - right))
        told = np.zeros((n, n_labels))
        for one, w in zip(votes, weight, strict=True):
            told[np.arange(n), one] += w
        told -= told.max(axis=1, keepdims=True)
        posterior = np.exp(told)
        posterior /= posterior.sum(axis=1, keepdims=True)
        seen = posterior[np.arange(n), votes].sum(axis=1)
        new = np.clip((seen + 1) / (n + 2), 1 / n_labels + 1e-3, 1 - 1e-3)
        if np.abs(new - right).max() < 1e-6:
            break
        right = new
    return right


def joined(criteria: Sequence[Mapping[str, float]]) -> np.ndarray:
    """The mean rank of each method by four unlike criteria, from 0 (worst) to 1 (best)."""
    n = len(criteria)
    ranks = np.mean([rankdata([one[name] for one in criteria]) for name in _JOINED], axis=0)
    return (ranks - 1) / max(n - 1, 1)


def rank_correlation(values: Sequence[float], accuracies: Sequence[float]) -> float | None:
    """Spearman's rank correlation; None where either is constant, or there are fewer than three."""
    if len(values) < 3 or min(values) == max(values) or min(accuracies) == max(accuracies):
        return None
    return float(spearmanr(values, accuracies).statistic)


def _entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.maximum(p, 1e-300))).sum(axis=-1)
