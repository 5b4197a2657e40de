"""Whether methods differ, over several tasks or splits of one: ranks, paired tests, and which differences remain."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.stats import friedmanchisquare, rankdata
from sklearn.utils import check_random_state

from zorse.core import InputError
from zorse.evaluation.intervals import Interval

EXACT = 300  # differences up to which the signed-rank distribution is computed exactly


class Ranking(NamedTuple):
    """Methods compared over blocks, each a task or a split of it.

    Attributes
    ----------
    ranks : ndarray of shape (m,)
        Mean rank of each method; 1 is best, ties share their ranks.
    p_any : float
        Friedman's test that there is any difference at all; NaN for fewer than three methods or two blocks.
    p_pairs : ndarray of shape (m, m)
        Signed-rank test of each pair, corrected by Holm's procedure over all pairs; 1 on the diagonal.
    p_floor : float
        The smallest value that an uncorrected pair can reach with so few blocks.
    cliques : list of tuple of int
        Maximal runs of methods, next to each other in rank, of which no pair differs at the level asked for.
    """

    ranks: np.ndarray
    p_any: float
    p_pairs: np.ndarray
    p_floor: float
    cliques: list[tuple[int, ...]]


def signed_rank_test(differences) -> float:
    """Two-sided p value of Wilcoxon's signed-rank test: every sign pattern is counted, ties and all.

    Zeros are left out; with none left the answer is 1. Above 300 differences the normal approximation is taken.
    """
    d = np.asarray(differences, dtype=float)
    if not np.isfinite(d).all():
        raise InputError("a paired test needs finite differences")
    d = d[d != 0]
    if not len(d):
        return 1.0
    # Twice the mean ranks are whole numbers, so that sums can be counted one by one.
    doubled = np.rint(2 * rankdata(np.abs(d))).astype(int)
    observed, total = int(doubled[d > 0].sum()), int(doubled.sum())
    if len(d) > EXACT:
        from scipy.stats import norm

        z = (observed - total / 2) / (np.sqrt((doubled.astype(float) ** 2).sum()) / 2)
        return float(2 * norm.sf(abs(z)))
    chance = np.zeros(total + 1)
    chance[0] = 1.0
    for rank in doubled:
        moved = np.zeros_like(chance)
        moved[rank:] = chance[: total + 1 - rank]
        chance = (chance + moved) / 2
    tail = chance[: min(observed, total - observed) + 1].sum()
    return float(min(1.0, 2 * tail))


def permutation_test(differences, n_resamples: int = 10_000, random_state=0) -> float:
    """Two-sided p value of the mean of paired differences under exchanged signs; exact for up to 14 pairs."""
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or not len(d) or not np.isfinite(d).all():
        raise InputError("a paired test needs at least one finite difference")
    observed = abs(d.sum())
    if len(d) <= 14:
        bits = (np.arange(2 ** len(d))[:, None] >> np.arange(len(d))) & 1
        sums, extra = np.abs((1 - 2 * bits) @ d), 0
    else:
        signs = check_random_state(random_state).randint(2, size=(n_resamples, len(d)))
        sums, extra = np.abs((1 - 2 * signs) @ d), 1  # what was observed is one of the patterns
    hits = int((sums >= observed - 1e-12 * max(1.0, observed)).sum())
    return (hits + extra) / (len(sums) + extra)


def holm(p_values) -> np.ndarray:
    """Holm's step-down correction: p values that keep the chance of any false alarm at the level, whatever holds."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) if len(p) else p
    found = np.empty_like(p)
    found[order] = np.minimum(stepped, 1.0)
    return found


def rank_methods(values: np.ndarray, level: float = 0.05) -> Ranking:
    """Compare methods over blocks.

    Parameters
    ----------
    values : ndarray of shape (blocks, m)
        A figure, larger is better.
    level : float
        Chance of any false difference that is accepted.

    Raises
    ------
    InputError
        If there is no block, a value is missing, or there are fewer than two methods.

    Notes
    -----
    Follows Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, with pairwise
    signed-rank tests in place of Nemenyi's, whose verdict on a pair depends on the other methods (Benavoli, Corani and
    Mangili, JMLR 17, 2016). Cost: O(m^2 b^3) for b blocks.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2 or not np.isfinite(values).all():
        raise InputError(f"expected finite values of shape (blocks, at least 2 methods); got {values.shape}")
    b, m = values.shape
    ranks = rankdata(-values, axis=1).mean(axis=0)
    pairs = list(combinations(range(m), 2))
    corrected = holm([signed_rank_test(values[:, i] - values[:, j]) for i, j in pairs])
    p = np.ones((m, m))
    for (i, j), value in zip(pairs, corrected, strict=True):
        p[i, j] = p[j, i] = value
    varies = m > 2 and b > 1 and (values != values[:, :1]).any()
    p_any = float(friedmanchisquare(*values.T).pvalue) if varies else float("nan")
    return Ranking(ranks, p_any, p, 2.0 ** (1 - b), _cliques(ranks, p > level))


def _cliques(ranks: np.ndarray, alike: np.ndarray) -> list[tuple[int, ...]]:
    order = np.argsort(ranks, kind="stable")
    runs: list[tuple[int, ...]] = []
    last_end = 0
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and alike[np.ix_(order[start : end + 1], order[start : end + 1])].all():
            end += 1
        if end - start > 1 and end > last_end:  # not inside the run before
            runs.append(tuple(order[start:end].tolist()))
        last_end = max(last_end, end)
    return runs


def class_weights(n: int, n_resamples: int = 2000, random_state=0) -> np.ndarray:
    """Weights of ``n`` classes for the Bayesian bootstrap, shape (n_resamples, n): uniform on the simplex.

    Rubin, "The Bayesian bootstrap", Annals of Statistics 9, 1981. No class ever drops out, so that a mean over a few
    classes always exists.
    """
    return check_random_state(random_state).dirichlet(np.ones(n), size=n_resamples)


def class_difference(
    ours: list[dict], theirs: list[dict], level: float = 0.95, n_resamples: int = 2000, random_state=0
) -> Interval:
    """Difference of two methods' mean class accuracies (or harmonic means), as if other classes had been drawn.

    Parameters
    ----------
    ours, theirs : list of dict
        For each run (a split, a seed) the parts of the figure: ``{"unseen": {label: accuracy}}`` for one mean, several
        parts for their harmonic mean. Both have the same runs, parts and labels.
    level : float
    n_resamples : int
    random_state : int or RandomState

    Returns
    -------
    Interval
        The mean difference over runs, and the interval under random weights of the classes; a class has one weight in
        all runs.

    Raises
    ------
    InputError
        If runs, parts or labels do not agree.
    """
    told = [[{part: sorted(by_class) for part, by_class in run.items()} for run in side] for side in (ours, theirs)]
    if not ours or told[0] != told[1]:
        raise InputError("a paired comparison needs the same runs, parts and classes of both methods")
    labels = sorted({label for run in ours for by_class in run.values() for label in by_class})
    at = {label: i for i, label in enumerate(labels)}
    weights = np.vstack([np.full(len(labels), 1 / len(labels)), class_weights(len(labels), n_resamples, random_state)])

    def figure(run: dict[str, dict]) -> np.ndarray:
        means = []
        for by_class in run.values():
            own = weights[:, [at[label] for label in by_class]]
            means.append(own @ np.array(list(by_class.values())) / own.sum(axis=1))
        return len(means) / sum(1 / np.maximum(mean, 1e-12) for mean in means)

    gains = np.mean([figure(o) - figure(t) for o, t in zip(ours, theirs, strict=True)], axis=0)
    low, high = np.quantile(gains[1:], [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(gains[0]), float(low), float(high))
