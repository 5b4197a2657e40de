"""Prior matching (AACL 2023): shift each class so that unlabelled samples are shared out as they should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from scipy.special import logsumexp
from sklearn.base import clone

from zorse.core import CapabilityError, ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.nn.priors import matched_bias
from zorse.nn.vectors import cosine
from zorse.templates import TraitsOf


def _traits(model: Any) -> Traits:
    inner = getattr(model, "estimator", None)
    of = inner.traits if isinstance(inner, ZeroShotClassifier) else Traits(trained=False, aligned_space=True)
    asks = getattr(model, "norm", "match") != "null"
    return Traits(of.takes, of.trained, asks, of.independent_samples, False, of.aligned_space, of.learns_unseen)


class PriorMatching(ZeroShotClassifier):
    """Take word bias out of zero-shot scores: the class shares of unlabelled samples are matched to a prior.

    Parameters
    ----------
    norm : {"match", "clean", "log", "null"}, default="match"
        How a class's shift b_c is found. "match": mean softmax(l + b) equals the prior. "clean": -log mean softmax(l).
        "log": -mean l. "null": minus the logit of an input that says nothing, and no unlabelled samples are needed.
    prior : mapping of label to share, optional
        Expected class shares, for "match"; without it all candidates are equally frequent.
    null : array-like of shape (d,), optional
        The input that says nothing, for "null": an empty text, a grey picture.
    scale : float, default=100.0
        What cosines are multiplied by, where there is no ``estimator``: the encoder's ``logit_scale``.
    estimator : ZeroShotClassifier, optional
        Whose scores l are shifted; default the cosine of sample and class vector.

    Attributes
    ----------
    bias_ : ndarray of shape (c,)
        b of each candidate.
    unlabelled_ : ndarray of shape (m, ...)
        Kept, as every label space has its own shifts.
    estimator_ : ZeroShotClassifier
        The fitted ``estimator``, where one is given.

    Raises
    ------
    InputError
        If ``norm`` is unknown, ``null`` is missing where it is needed, or ``prior`` lacks a candidate.
    CapabilityError
        If ``estimator`` is no zero-shot classifier, or wants unlabelled samples itself.

    Notes
    -----
    The answer is argmax_c (l_c + b_c); as probabilities they are calibrated in the sense that, over the unlabelled
    samples, each class receives the probability it should (Section 3.2). Nothing labelled is looked at. It helps where
    the assumed shares are about right, and does harm where they are not: give ``prior`` if classes are rare.

    Differs from the paper: b is the root of a convex problem (Newton), not the best point of a grid (-20 to 20 for two
    classes, -15 to 15 for more), which it agrees with to the grid's width and which does not grow with the power of
    c; logits are of images, not of words.

    Cost: fit O(m c d) for the logits, and O(m c^2 + c^3) for each of about ten steps with "match"; predict as without.

    References
    ----------
    Liusie, Manakul, Gales. Mitigating Word Bias in Zero-shot Prompt-based Classifiers. IJCNLP-AACL 2023.
    """

    paper = Paper(
        title="Mitigating Word Bias in Zero-shot Prompt-based Classifiers",
        authors="Adian Liusie, Potsawee Manakul, Mark J. F. Gales",
        venue="AACL",
        year=2023,
        url="https://arxiv.org/abs/2309.04992",
        aka=("prior matching", "word bias", "null-input normalisation"),
        seed=137,
    )
    traits = TraitsOf(_traits)
    bias_: np.ndarray

    def __init__(
        self,
        norm: Literal["match", "clean", "log", "null"] = "match",
        prior: Mapping | None = None,
        null=None,
        scale: float = 100.0,
        estimator: ZeroShotClassifier | None = None,
    ):
        self.norm = norm
        self.prior = prior
        self.null = null
        self.scale = scale
        self.estimator = estimator

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        if self.null is None:
            raise InputError('norm="null" needs the embedding of an input that says nothing; pass null=')
        self._fit_transductive(X, rows, table, np.asarray(self.null, dtype=float)[None])

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        if self.norm not in ("match", "clean", "log", "null"):
            raise InputError(f"norm must be 'match', 'clean', 'log' or 'null'; got {self.norm!r}")
        self.unlabelled_ = unlabelled
        if self.estimator is None:
            return
        if not isinstance(self.estimator, ZeroShotClassifier) or self.estimator.traits.needs_unlabelled:
            raise CapabilityError(
                f"PriorMatching wraps a zero-shot classifier that needs no unlabelled samples; got {self.estimator!r}"
            )
        samples = (X, table.labels[rows]) if len(rows) else (None, None)
        self.estimator_ = clone(self.estimator).fit(*samples, classes=table)

    def _prepare(self, table: ClassTable) -> None:
        if self.estimator is not None:
            self.estimator_ = self.estimator_.with_candidates(table)
        logits = self._logits(self.unlabelled_, table)
        if self.norm == "match":
            self.bias_ = matched_bias(logits, self._shares(table))
        elif self.norm == "clean":
            log_p = logits - logsumexp(logits, axis=1, keepdims=True)
            self.bias_ = np.log(len(logits)) - logsumexp(log_p, axis=0)
        else:
            self.bias_ = -logits.mean(axis=0)

    def _shares(self, table: ClassTable) -> np.ndarray:
        if self.prior is None:
            return np.full(table.n_classes, 1 / table.n_classes)
        lacking = [str(label) for label in table.labels if label not in self.prior]
        if lacking:
            raise InputError(f"prior says nothing of {', '.join(lacking[:5])}")
        shares = np.array([self.prior[label] for label in table.labels], dtype=float)
        return shares / shares.sum()

    def _logits(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * cosine(X, table.vectors) if self.estimator is None else self.estimator_.scores(X)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self._logits(X, table) + self.bias_

    @classmethod
    def example_params(cls) -> list[dict]:
        """A soft scale, as the samples of a check's label space are not always among the unlabelled ones."""
        return [{"scale": 20.0}, {"norm": "log"}]
