"""COSOC (NeurIPS 2021): classify by what the crops of the shots have in common, not by their backgrounds."""

from __future__ import annotations

import itertools

import numpy as np
from sklearn.cluster import KMeans

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.nn.vectors import unit_rows

EXACT = 20_000  # combinations of crops that are all tried


class COSOC(ZeroShotClassifier):
    """Prototypes of crops that agree over the shots of a class, matched one to one with the crops of an image.

    Parameters
    ----------
    alpha : float, default=0.8
        Weight of the next prototype of a class over the one before it, whose crops agree better.
    beta : float, default=0.8
        Weight of the next match of an image over the one before it.

    Attributes
    ----------
    prototypes_ : ndarray of shape (s, v, d)
        Unit prototypes times their weights, for each class with shots.
    place_ : ndarray of int, shape (c,)
        Place of each candidate among them; -1 for classes without shots.

    Notes
    -----
    X holds v crops of an image, as a grid (n, gh, gw, d). Shared object concentrator: of each shot of a class one crop
    is taken so that the sum of cosines over pairs is largest; their mean direction is the first prototype, weight 1;
    they are put away and the rest give the second, weight alpha, and so on. A single shot's crops are its prototypes,
    all of weight 1. An image's score for a class adds up the largest cosine between prototypes and crops, then, without
    that prototype and that crop, the next, times beta, and so on; cosines below 0 count nothing. A class without shots
    scores below all others. :func:`foreground` is the paper's other half: which crops to train an encoder on.

    Differs from the paper: where all combinations would be too many, crops are exchanged one shot at a time until
    nothing improves, from the best crop for each shot given the others' means. The last prototype is the mean of the
    last crops; the released code repeats the one before it. Classes of one shot and of several can stand side by side,
    but those of one then have the heavier prototypes.

    Cost: fit O(v m^2 (v^m + v^2 d)) a class of m shots while v^m is at most 20,000, then O(v^2 m d) times the rounds of
    exchanges, fewer than 100; memory O(v^m + m^2 v^2), or O(m v d). Predict O(n s v^2 (d + v)).

    References
    ----------
    Luo, Wei, Wen, Yang, Xie, Xu, Tian, Rectifying the Shortcut Learning of Background for Few-Shot Learning, NeurIPS
    2021.
    """

    paper = Paper(
        title="Rectifying the Shortcut Learning of Background for Few-Shot Learning",
        authors="Xu Luo, Longhui Wei, Liangjian Wen, Jinrong Yang, Lingxi Xie, Zenglin Xu, Qi Tian",
        venue="NeurIPS",
        year=2021,
        url="https://arxiv.org/abs/2107.07746",
        aka=("COSOC", "SOC", "shared object concentrator"),
        seed=152,
    )
    traits = Traits(takes="patches", learns_unseen=False)

    def __init__(self, alpha: float = 0.8, beta: float = 0.8):
        self.alpha = alpha
        self.beta = beta

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if not (0 <= self.alpha <= 1 and 0 <= self.beta <= 1):
            raise InputError(f"alpha and beta are from 0 to 1; got {self.alpha} and {self.beta}")
        crops = unit_rows(X.astype(float).reshape(len(X), -1, X.shape[-1]))
        y = np.searchsorted(self.seen_, table.labels[rows])
        self.prototypes_ = np.stack([self._concentrated(crops[y == c]) for c in range(len(self.seen_))])

    def _concentrated(self, crops: np.ndarray) -> np.ndarray:
        """Prototypes (v, d) of the crops (m, v, d) of one class."""
        if len(crops) == 1:
            return crops[0]
        left = crops
        out: list[np.ndarray] = []
        while left.shape[1]:
            at = agreeing(left)
            picked = left[np.arange(len(left)), at]
            out.append(self.alpha ** len(out) * unit_rows(picked.mean(axis=0)[None])[0])
            keep = np.ones(left.shape[:2], dtype=bool)
            keep[np.arange(len(left)), at] = False
            left = left[keep].reshape(len(left), -1, left.shape[2])
        return np.stack(out)

    def _prepare(self, table: ClassTable) -> None:
        known = np.isin(table.labels, self.seen_)
        self.place_ = np.where(known, np.searchsorted(self.seen_, table.labels), -1)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        out = np.full((len(X), table.n_classes), -1.0)
        crops = unit_rows(X.astype(float).reshape(len(X), -1, X.shape[-1]))
        for column in np.flatnonzero(self.place_ >= 0):
            out[:, column] = matched(crops @ self.prototypes_[self.place_[column]].T, self.beta)
        return out

    @classmethod
    def example_params(cls) -> list[dict]:
        """The defaults."""
        return [{}]


def agreeing(crops: np.ndarray) -> np.ndarray:
    """Of each shot the crop (m,) such that those of crops (m, v, d) add up to the largest sum of cosines over pairs."""
    m, v, _ = crops.shape
    if 1 < v**m <= EXACT:
        cosines, sums = np.einsum("iad,jbd->ijab", crops, crops), np.zeros((v,) * m)
        for i, j in itertools.combinations(range(m), 2):
            sums += cosines[i, j].reshape([v if k in (i, j) else 1 for k in range(m)])
        return np.array(np.unravel_index(sums.argmax(), sums.shape))
    total = crops.mean(axis=1).sum(axis=0)
    at = np.array([(own @ (total - own.mean(axis=0))).argmax() for own in crops])
    total = crops[np.arange(m), at].sum(axis=0)
    for _ in range(100):
        before = at.copy()
        for i in range(m):
            others = total - crops[i, at[i]]
            at[i] = (crops[i] @ others).argmax()
            total = others + crops[i, at[i]]
        if (at == before).all():
            break
    return at


def matched(similar: np.ndarray, beta: float) -> np.ndarray:
    """Sum (n,) of the largest entries of each matrix (n, a, b), no row or column twice, the i-th times beta^i."""
    left, out = similar.copy(), np.zeros(len(similar))
    n, a, b = similar.shape
    for i in range(min(a, b)):
        best = left.reshape(n, -1).argmax(axis=1)
        row, column = best // b, best % b
        out += beta**i * np.maximum(left[np.arange(n), row, column], 0)
        left[np.arange(n), row] = -np.inf
        left[np.arange(n), :, column] = -np.inf
    return out


def foreground(crops: np.ndarray, y, *, n_clusters: int = 5, share: float = 0.5, top: int = 3) -> np.ndarray:
    """How likely each crop shows what its class shares, rows (n, v) that add up to at most 1.

    Crops (n, v, d) of a class are clustered; clusters met in more than ``share`` of its images are kept (else the most
    frequent one). A crop scores 1 - distance to the nearest kept centre / the largest distance, in any class, of a crop
    to its nearest centre, and not below 0. The ``top`` nearest crops of an image share its best score in proportion.
    """
    units, y = unit_rows(np.asarray(crops, dtype=float)), np.asarray(y)
    near, most = np.empty(units.shape[:2]), 0.0
    for label in np.unique(y):
        own = np.flatnonzero(y == label)
        flat = units[own].reshape(-1, units.shape[-1])
        means = KMeans(min(n_clusters, len(np.unique(flat, axis=0))), random_state=0, n_init=10).fit(flat)
        cluster = means.labels_.reshape(len(own), -1)
        met = np.array([(cluster == k).any(axis=1).mean() for k in range(means.n_clusters)])
        kept = met > share if (met > share).any() else met == met.max()
        distances = means.transform(flat).reshape(*cluster.shape, -1)
        near[own], most = distances[..., kept].min(axis=2), max(most, distances.min(axis=2).max())
    score = np.clip(1 - near / (most or 1.0), 0, None)
    score[near.argsort(axis=1).argsort(axis=1) >= top] = 0
    total = score.sum(axis=1, keepdims=True)
    return score * np.divide(score.max(axis=1, keepdims=True), total, out=np.zeros_like(total), where=total > 0)
