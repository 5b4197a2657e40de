"""CLIP's zero-shot classifier (ICML 2021): the class whose text is nearest to the image."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, Paper, Traits, ZeroShotClassifier
from zorse.nn.vectors import cosine


class CLIP(ZeroShotClassifier):
    """Score a class by the scaled cosine between the image's embedding and the mean embedding of the class's prompts.

    Parameters
    ----------
    scale : float
        Inverse temperature: what a cosine is multiplied by before the softmax of ``predict_proba``. The default is
        what CLIP's training ends at; for another dual encoder it is that encoder's ``logit_scale``. It moves
        probabilities, never the ranking.

    Attributes
    ----------
    candidates_ : ClassTable
        The label space; its ``vectors`` (c, d) are text embeddings in the space of X.
    classes_ : ndarray of shape (c,)
    n_features_in_ : int
        Length d of an embedding.

    Notes
    -----
    With I the image's embedding and w_c = normalize(mean_t normalize(T(t(c)))) over templates t (Section 3.1.4,
    prompts ensembled in embedding space), the score is ``scale * cos(I, w_c)``. ``zorse.semantics.class_table`` makes
    the w_c from names; any other class vectors in the space of X will do. Nothing is learned: ``fit(None, None,
    classes=table)`` is enough, and samples, if given, are not looked at. Without a class table, a class is described
    by its mean sample.

    Differs from the paper: this is its zero-shot classifier (Section 3.1), over embeddings that any dual encoder
    made; the contrastive pretraining of the encoders themselves is not here.

    Cost: fit O(1). Predict O(n c d), one matrix product.

    References
    ----------
    Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021.
    """

    paper = Paper(
        title="Learning Transferable Visual Models From Natural Language Supervision",
        authors="Alec Radford, Jong Wook Kim, Chris Hallacy, Aditya Ramesh, Gabriel Goh, Sandhini Agarwal, "
        "Girish Sastry, Amanda Askell, Pamela Mishkin, Jack Clark, Gretchen Krueger, Ilya Sutskever",
        venue="ICML",
        year=2021,
        url="https://arxiv.org/abs/2103.00020",
        aka=("CLIP", "zero-shot CLIP", "prompt ensembling", "Contrastive Language-Image Pre-training"),
        seed=32,
    )
    traits = Traits(trained=False, aligned_space=True)
    by_prompts = True

    def __init__(self, scale: float = 100.0):
        self.scale = scale

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        pass

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * cosine(X, table.vectors)
