"""VisProd: a pair's probability is its attribute's times its object's."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier
from zorse.templates import words_of
from zorse.training import softmax_regression


class VisProd(ZeroShotClassifier):
    """The product of two classifiers, one of attributes and one of objects, each blind to the other.

    score(x, (a, o)) = log p(a | x) + log p(o | x), from a softmax regression on the attributes and one on the objects
    of the training samples.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the l2 penalty of both regressions.
    floor : float, default=-100.0
        Logarithm of the probability of a word that no training sample has.

    Attributes
    ----------
    attributes_, objects_ : ndarray of str
        Words of the training samples.
    attribute_coef_, object_coef_ : ndarray of shape (n_words, d)
    attribute_intercept_, object_intercept_ : ndarray of shape (n_words,)

    Raises
    ------
    InputError
        If all training samples have one attribute and one object.

    Notes
    -----
    Differs from the paper: it trains SVMs on features; here both are softmax regressions, whose probabilities need no
    calibration. A class that is no pair is its own attribute and object; an unseen one is then made of unknown words
    and can't be told from another.

    Cost: that of two softmax regressions to fit; O(n d (a + o) + n c) to score.

    References
    ----------
    Misra, Gupta and Hebert, "From red wine to red tomato: composition with context", CVPR 2017, where it is a baseline.
    """

    paper = Paper(
        title="From Red Wine to Red Tomato: Composition with Context",
        authors="Ishan Misra, Abhinav Gupta, Martial Hebert",
        venue="CVPR",
        year=2017,
        url="https://openaccess.thecvf.com/content_cvpr_2017/html/Misra_From_Red_Wine_CVPR_2017_paper.html",
        aka=("VisProd",),
    )
    traits = Traits(learns_unseen=False)

    def __init__(self, C: float = 1.0, floor: float = -100.0):
        self.C = C
        self.floor = floor

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        words = words_of(table)
        sides = [np.array(words.attributes)[words.attribute[rows]], np.array(words.objects)[words.object[rows]]]
        if all(len(np.unique(side)) < 2 for side in sides):
            raise InputError(f"VisProd needs at least two classes; got {table.labels[rows[0]]!s} alone")
        (self.attributes_, self.attribute_coef_, self.attribute_intercept_) = self._classifier(X, sides[0])
        (self.objects_, self.object_coef_, self.object_intercept_) = self._classifier(X, sides[1])

    def _classifier(self, X: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        known, target = np.unique(side, return_inverse=True)
        if len(known) == 1:  # nothing to tell apart
            return known, np.zeros((1, X.shape[1])), np.zeros(1)
        return (known, *softmax_regression(X, target, self.C))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        words = words_of(table)
        attribute = log_softmax(X @ self.attribute_coef_.T + self.attribute_intercept_, axis=1)
        thing = log_softmax(X @ self.object_coef_.T + self.object_intercept_, axis=1)
        total = self._columns(attribute, self.attributes_, words.attributes)[:, words.attribute]
        return total + self._columns(thing, self.objects_, words.objects)[:, words.object]

    def _columns(self, scores: np.ndarray, known: np.ndarray, asked: tuple[str, ...]) -> np.ndarray:
        place = {word: i for i, word in enumerate(known)}
        at = np.array([place.get(word, -1) for word in asked])
        return np.where(at >= 0, scores[:, at], self.floor)
