"""DCLIP (ICLR 2023): a class is recognised by the features that a language model lists for it."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, Paper
from zorse.nn.vectors import unit_means, unit_rows
from zorse.templates import PromptedClassifier


class DCLIP(PromptedClassifier):
    """Classify by description: the mean cosine of an image with the descriptors of a class.

    Parameters
    ----------
    scale : float
        Inverse temperature of ``predict_proba``; the encoder's ``logit_scale``. It never moves the ranking.

    Attributes
    ----------
    means_ : ndarray of shape (c, d)
        Mean of the unit prompt embeddings of each candidate; not unit.
    candidates_ : ClassTable
        Its ``prompts`` hold the embeddings of the descriptors of a class.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    s(c, x) = 1/|D(c)| sum over descriptors d of cos(x, T("a photo of a c: d")), which is the product of the unit image
    with the mean of the unit embeddings. CuPL makes that mean unit; here a class whose descriptors disagree scores
    lower. :meth:`cosines` gives the terms of the sum, which explain an answer. ``zorse.semantics.read_descriptions``
    turns descriptors into prompts.

    Differs from the paper: descriptors are read, not generated, and stand after "a photo of a c:", where the released
    code writes "c, which has" or "c, which is" by their grammar.

    Cost: fit O(p d) for p prompts in all. Predict O(n c d).

    References
    ----------
    Menon, Vondrick, Visual Classification via Description from Large Language Models, ICLR 2023.
    """

    paper = Paper(
        title="Visual Classification via Description from Large Language Models",
        authors="Sachit Menon, Carl Vondrick",
        venue="ICLR",
        year=2023,
        url="https://arxiv.org/abs/2210.07183",
        aka=("DCLIP", "classification by description", "GPT descriptors"),
        seed=None,
    )
    described_by = 'features of each class ({"heron": ["long legs", ...]})'
    means_: np.ndarray

    def __init__(self, scale: float = 100.0):
        self.scale = scale

    def cosines(self, x, label) -> np.ndarray:
        """Cosine of one image (d,) with every prompt of ``label``, shape (p,), in the order of its prompts."""
        (row,) = self.candidates_.rows([label])
        return unit_rows(self._prompts(self.candidates_)[row]) @ unit_rows(np.asarray(x, dtype=np.float64))

    def _prepare(self, table: ClassTable) -> None:
        self.means_ = unit_means(self._prompts(table))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * unit_rows(X) @ self.means_.T
