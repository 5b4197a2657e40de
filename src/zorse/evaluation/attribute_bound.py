"""How well any method can do with these attributes, before one image is seen: a tight bound by linear programming."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from zorse.core import InputError, Paper, implements

MOST_ATTRIBUTES = 18  # 2^18 patterns for each class
STEP = 100  # patterns that enter the program at a time


@dataclass(frozen=True)
class AttributeBound:
    """What attributes can guarantee.

    Attributes
    ----------
    error : float
        Smallest error, over maps from attributes to classes, that can be guaranteed against every distribution of
        attributes with the class-attribute matrix; in [0, 1 - 1/k].
    rule : ndarray of shape (2^m, k)
        A randomised map that attains it: probability of each class for each pattern, attribute i being bit i.
    worst : ndarray of shape (k, 2^m)
        A distribution on which no map does better: probability of class and pattern at once.
    """

    error: float
    rule: np.ndarray
    worst: np.ndarray

    def predict_proba(self, attributes) -> np.ndarray:
        """Class probabilities (n, k) by :attr:`rule` for binary attributes (n, m)."""
        bits = np.asarray(attributes)
        m = len(self.rule).bit_length() - 1
        if bits.ndim != 2 or bits.shape[1] != m or not np.isin(bits, (0, 1)).all():
            raise InputError(f"expected binary attributes of shape (n, {m}); got {bits.dtype} of shape {bits.shape}")
        return self.rule[bits.astype(int) @ (1 << np.arange(m))]


@implements(
    Paper(
        title="Tight Lower Bounds on Worst-Case Guarantees for Zero-Shot Learning with Attributes",
        authors="Alessio Mazzetto, Cristina Menghini, Andrew Yuan, Eli Upfal, Stephen H. Bach",
        venue="NeurIPS",
        year=2022,
        url="https://arxiv.org/abs/2205.13068",
        aka=("worst-case bound for attributes", "class-attribute lower bound"),
        seed=75,
    )
)
def worst_case_error(matrix, slack=0.0) -> AttributeBound:
    """Lower bound on the error of the best map from attributes to classes, from the class-attribute matrix alone.

    Parameters
    ----------
    matrix : array-like of shape (k, m)
        Probability that an image of a class shows an attribute, in [0, 1]; at most 18 attributes.
    slack : float or array-like of shape (m,) or (k, m)
        How far the share of a class's images on which a detector fires may be from the matrix; 0 for perfect detectors.

    Returns
    -------
    AttributeBound

    Raises
    ------
    InputError
        If there are fewer than two classes, no or more than 18 attributes, or a value is outside [0, 1].

    Notes
    -----
    Classes are equally likely. An adversary chooses P(class, pattern) whose attribute probabilities are the matrix's,
    to minimise the accuracy of the best map, sum_v max_j P_jv; with Delta_v for the maximum this is a linear program
    of (k + 1) 2^m variables. Its dual values are the randomised map, which has that accuracy on the worst distribution
    and no less on any other. The worst distribution needs few patterns: they enter the program as its dual values ask
    for them, until none of the 2^m does (to 1e-9), so that the answer is that of the whole program.

    Differs from the paper: ``slack`` widens the constraint on each attribute's probability, which covers detectors that
    err on so many images of a class.

    Cost: some tens of linear programs over a few hundred patterns, by HiGHS, and O(2^m k m) after each.

    References
    ----------
    Mazzetto, Menghini, Yuan, Upfal and Bach, "Tight lower bounds on worst-case guarantees for zero-shot learning with
    attributes", NeurIPS 2022.
    """
    M = _checked(matrix)
    k, m = M.shape
    if m > MOST_ATTRIBUTES:
        raise InputError(
            f"the bound counts 2^m patterns: at most {MOST_ATTRIBUTES} attributes; got {m}; "
            "zorse.evaluation.select_attributes chooses some"
        )
    slack = np.broadcast_to(np.asarray(slack, dtype=float), (k, m))
    if not (np.isfinite(slack).all() and (slack >= 0).all()):
        raise InputError("slack must not be negative")
    low, high = (np.clip(M + sign * slack, 0, 1) for sign in (-1, 1))
    bits = ((np.arange(2**m)[:, None] >> np.arange(m)) & 1).astype(float)
    # Patterns that a feasible distribution needs: all attributes of a class go up together.
    used = np.unique(
        [bits_of @ (1 << np.arange(m)) for row in M for bits_of in row > np.append(np.sort(row), -1)[:, None]]
    )
    while True:
        P, u, w, accuracy = _program(bits[used], low, high)
        claims = np.maximum(u + bits @ w.T, 0)  # what each class would earn of each pattern
        excess = claims.sum(axis=1) - 1
        new = np.setdiff1d(np.flatnonzero(excess > 1e-9), used)
        if not len(new):
            break
        used = np.sort(np.concatenate([used, new[np.argsort(-excess[new])[:STEP]]]))
    # A pattern that the adversary never uses may be left with less than 1; any class will do for the rest.
    rule = claims + np.maximum(1 - claims.sum(axis=1, keepdims=True), 0) / k
    worst = np.zeros((k, 2**m))
    worst[:, used] = P
    return AttributeBound(1 - accuracy, rule / rule.sum(axis=1, keepdims=True), worst)


def _program(patterns: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[Any, Any, Any, float]:
    """The adversary's program over ``patterns`` (n, m) alone: P (k, n), dual values u (k,), w (k, m), the optimum."""
    n, m, k = *patterns.shape, len(low)
    total = sparse.hstack([sparse.kron(sparse.eye(k), np.ones((1, n))), sparse.csr_matrix((k, n))])
    share = sparse.hstack([sparse.kron(sparse.eye(k), patterns.T), sparse.csr_matrix((k * m, n))])
    below = sparse.hstack([sparse.eye(k * n), -sparse.vstack([sparse.eye(n)] * k)])  # P_jv - Delta_v <= 0
    exact = bool((low == high).all())
    equal = sparse.vstack([total, share]) if exact else total
    right = np.full(k, 1 / k)
    upper = below if exact else sparse.vstack([below, share, -share])
    bound = np.zeros(k * n)
    if exact:
        right = np.concatenate([right, low.ravel() / k])
    else:
        bound = np.concatenate([bound, high.ravel() / k, -low.ravel() / k])
    cost = np.concatenate([np.zeros(k * n), np.ones(n)])
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(cost, upper.tocsr(), bound, equal.tocsr(), right, method="highs", options=tight)
    if found.status != 0:
        raise ArithmeticError(f"the linear program was not solved: {found.message}")
    if exact:
        w = found.eqlin.marginals[k:]
    else:
        above, under = found.ineqlin.marginals[k * n :].reshape(2, -1)
        w = above - under
    return found.x[: k * n].reshape(k, n), found.eqlin.marginals[:k], w.reshape(k, m), float(found.fun)


def pairwise_error(matrix, slack=0.0) -> np.ndarray:
    """The bound of :func:`worst_case_error` for each pair of classes alone, shape (k, k); any number of attributes.

    For two classes the linear program has a closed form, (1 - max_i |M_ai - M_bi|) / 2: the attribute that tells them
    apart best decides, because the adversary can make all others redundant. ``slack`` brings the two probabilities
    nearer by its sum over both. 0 on the diagonal. Cost: O(k^2 m).
    """
    M = _checked(matrix)
    slack = np.broadcast_to(np.asarray(slack, dtype=float), M.shape)
    apart = np.abs(M[:, None] - M[None]) - slack[:, None] - slack[None]
    error = (1 - np.clip(apart, 0, 1).max(axis=2)) / 2
    np.fill_diagonal(error, 0)
    return error


def select_attributes(matrix, n: int, slack=0.0) -> tuple[list[int], list[float]]:
    """Greedily the ``n`` attributes that guarantee most: each step adds the one whose bound is lowest.

    Returns
    -------
    chosen : list of int
        Columns of ``matrix``, in the order chosen; of equals the first.
    errors : list of float
        The bound after each step.

    Raises
    ------
    InputError
        If ``n`` is not from 1 to the number of attributes, or above 18.

    Notes
    -----
    Cost: a linear program for each attribute that is left, in each step.
    """
    M = _checked(matrix)
    slack = np.broadcast_to(np.asarray(slack, dtype=float), M.shape)
    if not 1 <= n <= min(M.shape[1], MOST_ATTRIBUTES):
        raise InputError(f"n must be from 1 to {min(M.shape[1], MOST_ATTRIBUTES)}; got {n}")
    chosen: list[int] = []
    errors: list[float] = []
    for _ in range(n):
        left = [i for i in range(M.shape[1]) if i not in chosen]
        tried = [worst_case_error(M[:, [*chosen, i]], slack[:, [*chosen, i]]).error for i in left]
        best = int(np.argmin(np.round(tried, 10)))
        chosen.append(left[best])
        errors.append(tried[best])
    return chosen, errors


def _checked(matrix) -> np.ndarray:
    M = np.asarray(matrix, dtype=float)
    if M.ndim != 2 or len(M) < 2 or M.shape[1] < 1:
        raise InputError(f"expected a class-attribute matrix (at least 2 classes, at least 1 attribute); got {M.shape}")
    bad = np.argwhere(~((M >= 0) & (M <= 1)))
    if len(bad):
        row, column = bad[0]
        raise InputError(f"class-attribute probabilities lie in [0, 1]; row {row}, column {column} is {M[row, column]}")
    return M
