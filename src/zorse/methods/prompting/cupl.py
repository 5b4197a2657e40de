"""CuPL (ICCV 2023): sentences that a language model writes about each class take the place of templates."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, Paper
from zorse.nn.vectors import cosine, unit_means, unit_rows
from zorse.templates import PromptedClassifier


class CuPL(PromptedClassifier):
    """Describe a class by the mean embedding of sentences written about it; score by the scaled cosine.

    Parameters
    ----------
    scale : float
        Inverse temperature: what a cosine is multiplied by before the softmax of ``predict_proba``; the encoder's
        ``logit_scale``. It moves probabilities, never the ranking.

    Attributes
    ----------
    weights_ : ndarray of shape (c, d)
        Unit vector w_c of each candidate.
    candidates_ : ClassTable
        The label space; its ``prompts`` hold the embedding of every sentence of a class.
    classes_ : ndarray of shape (c,)
    n_features_in_ : int
        Length d of an embedding.

    Raises
    ------
    InputError
        If the class table has no ``prompts``.

    Notes
    -----
    w_c = normalize(mean_p normalize(T(p))) over the sentences p of class c; the score of an image with embedding I is
    ``scale * cos(I, w_c)``. The sentences come from a file that ``zorse.semantics.class_table(..., descriptions=...)``
    reads; with ``templates=`` given as well, the sentences and the filled templates enter one mean, which is the
    paper's ensemble of CuPL with standard prompts. The arithmetic is that of CLIP's prompt ensemble: what is new in
    the paper is where the prompts come from. On arrays the two part where a table's ``vectors`` are something else
    than the mean of its ``prompts``: CLIP reads the former, CuPL only the latter. Nothing is learned; without a class
    table the samples of a class are its sentences.

    Differs from the paper: sentences are read, not generated; their number may differ from class to class.

    Cost: fit O(p d) for p sentences in all. Predict O(n c d), one matrix product, however many sentences.

    References
    ----------
    Pratt, Covert, Liu, Farhadi, What does a platypus look like? Generating customized prompts for zero-shot image
    classification, ICCV 2023.
    """

    paper = Paper(
        title="What does a platypus look like? Generating customized prompts for zero-shot image classification",
        authors="Sarah Pratt, Ian Covert, Rosanne Liu, Ali Farhadi",
        venue="ICCV",
        year=2023,
        url="https://arxiv.org/abs/2209.03320",
        aka=("CuPL", "Customized Prompts via Language models", "platypus"),
        seed=22,
    )
    described_by = 'sentences about each class ({"heron": ["A heron is a tall grey bird.", ...]})'
    weights_: np.ndarray

    def __init__(self, scale: float = 100.0):
        self.scale = scale

    def _prepare(self, table: ClassTable) -> None:
        self.weights_ = unit_rows(unit_means(self._prompts(table)))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * cosine(X, self.weights_)
