"""Who is it: faces verified in pairs, named by text and by other images, and hidden by poisoned galleries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from zorse.core import ClassTable, InputError, Paper, implements
from zorse.evaluation.hierarchy import hit_at_k, ranked_labels
from zorse.evaluation.verification import Verification, deal_pairs, verify
from zorse.nn.vectors import cosine, unit_rows


@dataclass(frozen=True, eq=False)
class FaceReport:
    """Accuracies in [0, 1]; NaN where something was not asked for.

    Attributes
    ----------
    verification : Verification
        Of pairs of images.
    text_top1, text_top5 : float
        Share of images whose name is the nearest text, or among the five nearest.
    knn : float
        Share of images named right by the nearest other images.
    poisoned : dict of float to float
        The same when a share of the gallery is replaced.
    """

    verification: Verification
    text_top1: float
    text_top5: float
    knn: float
    poisoned: dict[float, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Every figure by name."""
        v = self.verification
        return {
            "verification": v.accuracy,
            "deviation": v.deviation,
            "EER": v.eer,
            "AUC": v.auc,
            **{f"TAR@FAR={far:g}": v.tar_at(far) for far in (0.1, 0.01, 0.001)},
            "text top-1": self.text_top1,
            "text top-5": self.text_top5,
            "kNN": self.knn,
            **{f"kNN, {share:.0%} poisoned": value for share, value in self.poisoned.items()},
        }

    def __str__(self) -> str:
        return "\n".join(f"{name} {value:.3f}" for name, value in self.as_dict().items() if not np.isnan(value))


@implements(
    Paper(
        title="Face Recognition in the age of CLIP & Billion image datasets",
        authors="Aaditya Bhat, Shrey Jain",
        venue="arXiv",
        year=2023,
        url="https://arxiv.org/abs/2301.07315",
        aka=("zero-shot face recognition",),
        seed=106,
    )
)
def evaluate_faces(
    X,
    y,
    names: ClassTable | None = None,
    pairs: tuple[np.ndarray, ...] | None = None,
    folds: int = 10,
    k: int = 1,
    shares: Sequence[float] = (),
    cloaked=None,
    random_state=0,
) -> FaceReport:
    """Zero-shot face protocol: 10-fold verification, identification by text and by neighbours, and a poison test.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Embeddings of faces by a model that was trained on no label of theirs.
    y : array-like of shape (n,)
        Who it is.
    names : ClassTable, optional
        Texts such as "a photo of {name}" in the space of X, one row a person; for identification by text.
    pairs : tuple of arrays, optional
        ``(pairs, same)`` or ``(pairs, same, fold)`` with rows of X; without it they are dealt by :func:`deal_pairs`.
    folds : int, default=10
        Of the verification, where ``pairs`` does not name them.
    k : int, default=1
        Neighbours that vote.
    shares : sequence of float
        Parts of everybody's gallery images to be replaced, in [0, 1], each a run of its own.
    cloaked : array-like of shape (n, d), optional
        The embedding of each image after a cloak (Fawkes, LowKey), which then replaces it. Without it, another
        person's image does.
    random_state : int, RandomState or None

    Returns
    -------
    FaceReport

    Raises
    ------
    InputError
        If sizes disagree, a person has no text, nobody has two images, or folds cannot be filled.

    Notes
    -----
    Differs from the paper: the folds and curves are those of LFW's protocol; identification by neighbours leaves each
    image out of its own gallery; people with one image are in the gallery alone. The cloaks themselves are not made
    here: they change pixels, before the encoder. Everything is checked against loops on generated points; on faces
    nothing has been run, as none are at hand.

    Cost: O(n^2 d) for the neighbours, in blocks of 1,024 rows, and for each share again; dealing pairs looks at all
    pairs of a fold.

    References
    ----------
    Bhat and Jain, "Face recognition in the age of CLIP & billion image datasets", arXiv 2301.07315.
    """
    X, y = unit_rows(np.asarray(X, dtype=np.float64)), np.asarray(y)
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise InputError(f"expected X (n, d) and y (n,); got {X.shape} and {y.shape}")
    if not np.isfinite(X).all():
        raise InputError(f"row {np.argwhere(~np.isfinite(X))[0, 0]} of X is not finite")
    rows, same, *fold = deal_pairs(y, folds=folds, random_state=random_state) if pairs is None else pairs
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] != 2 or rows.min() < 0 or rows.max() >= len(X):
        raise InputError(
            f"pairs must be two rows of X each, from 0 to {len(X) - 1}; got an array of shape {rows.shape}"
        )
    verification = verify((X[rows[:, 0]] * X[rows[:, 1]]).sum(axis=1), same, fold[0] if fold else folds)
    top1 = top5 = float("nan")
    if names is not None:
        names.rows(y)  # somebody without a text is an error that names them
        ranked = ranked_labels(cosine(X, names.vectors), names, min(5, names.n_classes))
        top1, top5 = hit_at_k(y, ranked, 1), hit_at_k(y, ranked, ranked.shape[1])
    return FaceReport(
        verification,
        top1,
        top5,
        _named_right(X, y, X, k),
        {share: _named_right(X, y, poison(X, y, share, cloaked, random_state), k) for share in shares},
    )


def poison(X, y, share: float, cloaked=None, random_state=0) -> np.ndarray:
    """The gallery with ``share`` of each person's images replaced, at least one if the share is above 0.

    Parameters
    ----------
    X : array-like of shape (n, d)
    y : array-like of shape (n,)
    share : float
        In [0, 1].
    cloaked : array-like of shape (n, d), optional
        What an image is replaced by; without it, an image of somebody else, drawn at random.
    random_state : int, RandomState or None
    """
    X, y, rng = np.array(X, dtype=np.float64), np.asarray(y), check_random_state(random_state)
    if not 0 <= share <= 1:
        raise InputError(f"the share to poison must lie in [0, 1]; got {share}")
    if cloaked is not None and np.shape(cloaked) != X.shape:
        raise InputError(f"expected a cloaked embedding for each of {X.shape}; got {np.shape(cloaked)}")
    hit = np.zeros(len(X), dtype=bool)
    for label in np.unique(y):
        own = rng.permutation(np.flatnonzero(y == label))
        hit[own[: max(1, round(share * len(own)))] if share else own[:0]] = True
    if cloaked is not None:
        X[hit] = np.asarray(cloaked)[hit]
        return X
    clean = X.copy()
    for row in np.flatnonzero(hit):
        others = np.flatnonzero(y != y[row])
        if not len(others):
            raise InputError("there is nobody else whose images could replace some")
        X[row] = clean[rng.choice(others)]
    return X


def nearest_labels(gallery, labels, probes, k: int = 1, own_row: bool = False) -> np.ndarray:
    """Label of each probe by a vote of its ``k`` nearest gallery images; a tie goes to the larger sum of cosines.

    Parameters
    ----------
    gallery : array-like of shape (m, d)
    labels : array-like of shape (m,)
    probes : array-like of shape (n, d)
    k : int, default=1
    own_row : bool, default=False
        Probe i is gallery image i, which then has no vote.
    """
    gallery, probes = unit_rows(np.asarray(gallery, dtype=np.float64)), unit_rows(np.asarray(probes, dtype=np.float64))
    known, row = np.unique(labels, return_inverse=True)
    if not 1 <= k <= len(gallery) - own_row:
        raise InputError(f"k must be from 1 to {len(gallery) - own_row}, the number of gallery images; got {k}")
    found = np.empty(len(probes), dtype=known.dtype)
    for start in range(0, len(probes), 1024):
        cosines = probes[start : start + 1024] @ gallery.T
        at = np.arange(len(cosines))
        if own_row:
            cosines[at, start + at] = -np.inf
        near = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        votes = np.zeros((len(at), len(known)))
        # Cosines are within [-1, 1]: less than a vote among k once divided by 4 k.
        np.add.at(votes, (at[:, None], row[near]), 1 + np.take_along_axis(cosines, near, axis=1) / (4 * k))
        found[start : start + 1024] = known[votes.argmax(axis=1)]
    return found


def _named_right(X: np.ndarray, y: np.ndarray, gallery: np.ndarray, k: int) -> float:
    _, row, counts = np.unique(y, return_inverse=True, return_counts=True)
    several = counts[row] > 1
    if not several.any():
        raise InputError("nobody has two images; a face can't be named by another image of the same person")
    return float((nearest_labels(gallery, y, X, k, own_row=True) == y)[several].mean())
