"""Loki: predict any class of a metric space from the probabilities of the few that a classifier knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from scipy.special import softmax
from sklearn.base import clone

from zorse.core import CapabilityError, ClassTable, InputError, Paper, ZeroShotClassifier
from zorse.nn.hierarchy import Hierarchy
from zorse.nn.vectors import unit_rows
from zorse.training import softmax_regression


class Loki(ZeroShotClassifier):
    r"""Geometry-aware prediction: the Frechet mean of a classifier's output, in place of its largest entry.

    A candidate y is scored by -sum_i P(l_i | x) d^2(y, l_i), the l_i being the classes that the classifier was trained
    on and d a distance between classes; the best candidate may be one that it does not know.

    Parameters
    ----------
    distance : {"vectors", "tree"}, default="vectors"
        d: between class vectors of unit length, or edges of the shortest path in ``ClassTable.parents``.
    C : float, default=1.0
        Inverse strength of the l2 penalty of the softmax regression on the seen classes.
    estimator : classifier, optional
        Used in place of the softmax regression: a zero-shot classifier, or any of scikit-learn's with
        ``predict_proba`` (a model fitted with one of these cannot be saved).

    Attributes
    ----------
    observed_ : ClassTable
        The seen classes, in the order of the probabilities.
    squared_ : ndarray of shape (s, c)
        d^2 between seen classes and candidates.
    coef_, intercept_ : ndarray of shape (s, d) and (s,)
        The softmax regression, where no ``estimator`` is given.
    estimator_ : classifier
        The fitted ``estimator``, where one is given.

    Raises
    ------
    InputError
        If ``distance`` is unknown, there is only one seen class, or the hierarchy does not connect a candidate.
    CapabilityError
        If ``estimator`` gives no probabilities.

    Notes
    -----
    Differs from the paper: its fine-tuning through the prediction rule is left out, which adapts the classifier and
    not the rule. Its classifiers are pretrained; here one is fitted, or passed as ``estimator``. :func:`next_class` is
    its active selection.

    With ``distance="vectors"`` the answer is the candidate of the largest cosine with sum_i P(l_i | x) v_i: ConSE's,
    with all seen classes mixed. The tree is what sets Loki apart.

    Cost: that of the classifier to fit; for a label space O(s c k), or a walk through the tree a seen class;
    O(n s c) to score.

    References
    ----------
    Roberts, Li, Adila, Cromp, Huang, Zhao and Sala, "Geometry-aware adaptation for pretrained models", NeurIPS 2023.
    """

    paper = Paper(
        title="Geometry-Aware Adaptation for Pretrained Models",
        authors="Nicholas Roberts, Xintong Li, Dyah Adila, Sonia Cromp, Tzu-Heng Huang, Jitian Zhao, Frederic Sala",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2307.12226",
        aka=("Loki",),
        seed=14,
    )

    def __init__(self, distance: Literal["vectors", "tree"] = "vectors", C: float = 1.0, estimator=None):
        self.distance = distance
        self.C = C
        self.estimator = estimator

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.distance not in ("vectors", "tree"):
            raise InputError(f'distance must be "vectors" or "tree"; got {self.distance!r}')
        seen, target = np.unique(rows, return_inverse=True)
        if len(seen) < 2:
            raise InputError(f"Loki needs at least two seen classes; got {table.labels[seen][0]!s} alone")
        self.observed_ = table.select(table.labels[seen])
        if self.estimator is None:
            self.coef_, self.intercept_ = softmax_regression(X, target, self.C)
        elif isinstance(self.estimator, ZeroShotClassifier):
            self.estimator_ = clone(self.estimator).fit(X, table.labels[rows], classes=self.observed_)
        elif hasattr(self.estimator, "predict_proba"):
            self.estimator_ = clone(self.estimator).fit(X, target)
        else:
            raise CapabilityError(f"Loki needs an estimator with predict_proba; got {self.estimator!r}")

    def _prepare(self, table: ClassTable) -> None:
        if self.distance == "vectors":
            cosines = unit_rows(self.observed_.vectors) @ unit_rows(table.vectors).T
            self.squared_ = np.maximum(2 - 2 * cosines, 0)
            return
        parents = {**(self.observed_.parents or {}), **(table.parents or {})}
        if not parents:
            raise InputError('distance="tree" needs a hierarchy; the class table has no parents')
        hops = Hierarchy(parents).distances(self.observed_.labels, table.labels)
        if np.isinf(hops).any():
            seen, candidate = np.argwhere(np.isinf(hops))[0]
            raise InputError(
                f"no path leads from {self.observed_.labels[seen]!s} to {table.labels[candidate]!s} in the hierarchy"
            )
        self.squared_ = hops**2

    def observed_proba(self, X: np.ndarray) -> np.ndarray:
        """What the classifier makes of each sample: probabilities of the seen classes, shape (n, s)."""
        if self.estimator is None:
            return softmax(X @ self.coef_.T + self.intercept_, axis=1)
        return self.estimator_.predict_proba(X)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return -self.observed_proba(X) @ self.squared_

    @classmethod
    def example_params(cls) -> list[dict]:
        """A classifier that is sure of itself."""
        return [{"C": 10.0}]


def locus(tree: Hierarchy, observed: Iterable) -> np.ndarray:
    """Nodes of a tree that a Frechet mean of ``observed`` may be: all on a path between two of them, boolean (m,)."""
    observed = list(observed)
    hops = tree.distances(observed)
    # The paths from one of them cover those between any two. A node is on a path if the way through it is no longer.
    through = hops[0] + hops
    ends = hops[0][tree.rows(observed)]
    return (through == ends[:, None]).any(axis=0) & np.isfinite(hops[0])


def next_class(parents: Mapping[str, Iterable[str]], observed: Iterable, candidates: Iterable | None = None) -> str:
    """The class whose observation lets Loki reach most: the one farthest from what it can answer already.

    Parameters
    ----------
    parents : mapping of str to iterable of str
        A tree, as ``ClassTable.parents``.
    observed : iterable of labels
        Classes that the classifier knows; at least one.
    candidates : iterable of labels, optional
        The classes that can be had; without them, every node.

    Returns
    -------
    str
        The candidate with the most edges to the nearest node of the locus; of several the first.

    Raises
    ------
    InputError
        If nothing is observed, no candidate is left, or a label is not in the tree.
    """
    tree, observed = Hierarchy(parents), [str(label) for label in observed]
    if not observed:
        raise InputError("no class is observed yet; any one will do")
    reached = [node for node, inside in zip(tree.nodes, locus(tree, observed), strict=True) if inside]
    names = [str(label) for label in (tree.nodes if candidates is None else candidates)]
    names = [name for name in names if name not in set(observed)]
    if not names:
        raise InputError("every candidate is observed")
    hops = tree.from_nearest(reached)[tree.rows(names)]
    return names[int(hops.argmax())]
