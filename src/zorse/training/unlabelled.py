"""What can be chosen from the scores of samples that nobody has labelled."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from zorse.core.errors import InputError

TAIL = 0.1  # part of the samples on either side that is taken to be of one kind


def dividing_point(margin: np.ndarray, by: Literal["tails", "mean", "mixture"] | float = "tails") -> float:
    """Where samples of unseen classes (low) part from those of seen ones (high), by their margins alone.

    Parameters
    ----------
    margin : ndarray of shape (n,)
        Best seen minus best unseen score of each sample, best on a logarithmic scale (logits, log-probabilities).
    by : {"tails", "mean", "mixture"} or float
        "tails": halfway between the 10 % and the 90 % quantile, the middle of what the clearest samples of either kind
        show. "mean": the mean, which makes seen and unseen classes equally confident on average. "mixture": where the
        densities of two fitted Gaussians cross, without their weights, as each kind counts half of a harmonic mean.
        A number from 0 to 1: the quantile, where it is known which part of the samples is of unseen classes.

    Notes
    -----
    Only "tails" and "mixture" ask nothing about how many samples are of unseen classes; "mean" is right at a half.

    Raises
    ------
    InputError
        If there is no sample, or ``by`` is something else.
    """
    margin = np.asarray(margin, dtype=float)
    if not len(margin) or not np.isfinite(margin).all():
        raise InputError(f"expected finite margins of at least one sample; got {len(margin)}")
    if by == "tails":
        return float(np.quantile(margin, [TAIL, 1 - TAIL]).mean())
    if by == "mean":
        return float(margin.mean())
    if by == "mixture":
        return _crossing(margin)
    if isinstance(by, str) or not 0 <= by <= 1:
        raise InputError(f"expected 'tails', 'mean', 'mixture' or a share from 0 to 1; got {by!r}")
    return float(np.quantile(margin, by))


def _crossing(margin: np.ndarray) -> float:
    start = np.quantile(margin, [TAIL, 1 - TAIL])
    if start[0] == start[1]:
        return float(start[0])
    mixture = GaussianMixture(2, means_init=start[:, None], random_state=0).fit(margin[:, None])
    low, high = np.argsort(mixture.means_[:, 0])
    mean, spread = mixture.means_[:, 0], np.sqrt(mixture.covariances_[:, 0, 0])
    places = np.linspace(mean[low], mean[high], 1001)
    lead = norm.logpdf(places, mean[high], spread[high]) - norm.logpdf(places, mean[low], spread[low])
    return float(places[np.argmax(lead >= 0)] if (lead >= 0).any() else places[-1])


def best_of_each_class(proba: np.ndarray, top_p: int, top_k: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples picked for each class, from probabilities (m, c): their rows and columns, by column and then rank.

    A sample stands for its ``top_p`` best classes; a class takes the ``top_k`` best samples that stand for it.
    """
    if top_p < 1 or top_k < 1:
        raise InputError(f"top_p and top_k must be at least 1; got {top_p} and {top_k}")
    m, c = proba.shape
    stands = np.zeros((m, c), dtype=bool)
    best = np.argsort(-proba, axis=1, kind="stable")[:, :top_p]
    np.put_along_axis(stands, best, True, axis=1)
    ranked = np.argsort(-np.where(stands, proba, -np.inf), axis=0, kind="stable")[:top_k]
    kept = np.take_along_axis(stands, ranked, axis=0).T
    return ranked.T[kept], np.repeat(np.arange(c), kept.sum(axis=1))
