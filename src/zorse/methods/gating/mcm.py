"""MCM (NeurIPS 2022): the probability of the best matching concept says whether an image shows any of them."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable, Paper, Traits, ZeroShotClassifier
from zorse.nn.vectors import cosine


class MCM(ZeroShotClassifier):
    """Out-of-distribution detection from class names: the largest softmax probability over cosines with class texts.

    Parameters
    ----------
    temperature : float, default=1.0
        Cosines are divided by it before the softmax; not the encoder's logit scale.

    Attributes
    ----------
    candidates_ : ClassTable
        The known classes; ``vectors`` (c, d) are text embeddings in the space of X.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    :meth:`confidence` is max_c softmax_c(cos(x, t_c) / ``temperature``); a threshold on it, such as the value that 95 %
    of known samples exceed, rejects the others. Which class is answered does not depend on the temperature: scores are
    the cosines over it. Nothing is learned.

    Differs from the paper: nothing that is known of.

    Cost: O(n c d).

    References
    ----------
    Ming, Cai, Gu, Sun, Li, Li. Delving into Out-of-Distribution Detection with Vision-Language Representations.
    NeurIPS 2022.
    """

    paper = Paper(
        title="Delving into Out-of-Distribution Detection with Vision-Language Representations",
        authors="Yifei Ming, Ziyang Cai, Jiuxiang Gu, Yiyou Sun, Wei Li, Yixuan Li",
        venue="NeurIPS",
        year=2022,
        url="https://arxiv.org/abs/2211.13445",
        aka=("MCM", "maximum concept matching"),
    )
    traits = Traits(trained=False, aligned_space=True)
    by_prompts = True

    def __init__(self, temperature: float = 1.0):
        self.temperature = temperature

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        pass

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return cosine(X, table.vectors) / self.temperature

    def confidence(self, X) -> np.ndarray:
        """That a sample belongs to one of ``classes_``, shape (n,), in (0, 1]."""
        return softmax(self.scores(X), axis=1).max(axis=1)
