"""How well a confidence tells samples of known classes from others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from zorse.core import InputError


@dataclass(frozen=True)
class OODReport:
    """Figures over all thresholds of a confidence; in [0, 1].

    Attributes
    ----------
    auroc : float
        Chance that a sample of a known class gets more confidence than another one, ties counting half.
    aupr : float
        Average precision of telling known from other, known samples being what is looked for.
    fpr95 : float
        Share of other samples let through by the threshold that lets through at least 95 % of the known ones.
    """

    auroc: float
    aupr: float
    fpr95: float

    def __str__(self) -> str:
        return f"AUROC {self.auroc:.3f}  AUPR {self.aupr:.3f}  FPR95 {self.fpr95:.3f}"


def ood_report(known, other, recall: float = 0.95) -> OODReport:
    """Compare the confidences of samples of known classes (n,) with those of others (m,); O((n + m) log(n + m)).

    Raises
    ------
    InputError
        If one of them is empty or a confidence is NaN, or ``recall`` is not in (0, 1].
    """
    known, other = np.asarray(known, dtype=float).ravel(), np.asarray(other, dtype=float).ravel()
    if not len(known) or not len(other) or np.isnan(known).any() or np.isnan(other).any():
        raise InputError(f"expected confidences, not NaN, of both kinds; got {len(known)} known and {len(other)} other")
    if not 0 < recall <= 1:
        raise InputError(f"recall must be above 0 and at most 1; got {recall}")
    n, m = len(known), len(other)
    ranks = rankdata(np.concatenate([known, other]))[:n]
    auroc = (ranks.sum() - n * (n + 1) / 2) / (n * m)
    threshold = np.sort(known)[::-1][int(np.ceil(recall * n - 1e-9)) - 1]
    values = np.unique(known)[::-1]
    hits = n - np.searchsorted(np.sort(known), values, side="left")
    false = m - np.searchsorted(np.sort(other), values, side="left")
    aupr = np.sum(np.diff(hits, prepend=0) / n * hits / (hits + false))
    return OODReport(float(auroc), float(aupr), float((other >= threshold).mean()))
