"""ZPE (ICML 2023): templates weighted by how confident they are on the images at hand, without labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import softmax
from scipy.stats import median_abs_deviation

from zorse.core import ClassTable, InputError, Paper, Traits
from zorse.nn.vectors import in_slots, unit_rows
from zorse.templates import PromptedClassifier


class ZPE(PromptedClassifier):
    """Weight or select prompt templates by their largest logit, corrected for what a template says of any image.

    Parameters
    ----------
    weighting : {"score", "softmax", "equal"}
        Weights are the scores of the templates, their softmax over all templates, or equal.
    select : float, optional
        Keep templates whose score exceeds the median by more than so many median absolute deviations (the paper:
        0.5 for ImageNet's kind of data, 2 for fine-grained classes). None keeps all.
    reference : array-like of shape (m, d), optional
        Embeddings of any images, as of the pretraining data, that say which classes a template favours anyway.
    scale : float
        The encoder's ``logit_scale``; it moves probabilities and, with ``"softmax"``, the weights.

    Attributes
    ----------
    templates_ : ndarray of shape (c, t, d)
        Unit embedding of every template filled with every class.
    candidates_ : ClassTable
        Its ``prompts`` hold a class's templates, in the same order for all.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    With l_tc(x) the logit of template t and class c, a template's score is the mean over the images of the call of
    max_c [l_tc(x) - b_tc], where b_tc is the mean of l_tc over those images or, with ``reference``, half of that and
    half of its mean over the reference. Logits are averaged over templates with these weights. Scores of an image
    depend on the others of the call; one image alone weighs all templates alike. :meth:`weights` shows the weights.

    Differs from the paper: weights sum to 1, which keeps logits on the encoder's scale and leaves the ranking as it
    is. If no template is selected, or no score is positive, all count alike. Classes may have different numbers of
    prompts: the missing ones are the mean of the others.

    Cost: O(n c t d) for the scores, a template at a time in n c numbers; O(n c d) for the answers.

    References
    ----------
    Allingham et al., A Simple Zero-shot Prompt Weighting Technique to Improve Prompt Ensembling in Text-Image Models,
    ICML 2023.
    """

    paper = Paper(
        title="A Simple Zero-shot Prompt Weighting Technique to Improve Prompt Ensembling in Text-Image Models",
        authors="James Urquhart Allingham, Jie Ren, Michael W. Dusenberry, Xiuye Gu, Yin Cui, Dustin Tran, "
        "Jeremiah Zhe Liu, Balaji Lakshminarayanan",
        venue="ICML",
        year=2023,
        url="https://arxiv.org/abs/2302.06235",
        aka=("ZPE", "zero-shot prompt ensembling", "prompt weighting"),
        seed=36,
    )
    traits = Traits(trained=False, aligned_space=True, independent_samples=False, open_candidates=False)
    expected_failures: ClassVar[dict[str, str]] = {
        "check_methods_subset_invariance": "the weights of templates rest on all images of the call"
    }
    weighs_prompts = True
    templates_: np.ndarray

    def __init__(self, weighting: str = "score", select: float | None = None, reference=None, scale: float = 100.0):
        self.weighting = weighting
        self.select = select
        self.reference = reference
        self.scale = scale

    @classmethod
    def example_params(cls) -> list[dict]:
        """Weights by score, and by softmax over the selected templates."""
        return [{"scale": 30.0}, {"weighting": "softmax", "select": 0.5, "scale": 30.0}]

    def weights(self, X) -> np.ndarray:
        """Weight of each template for the images X together, shape (t,); they sum to 1."""
        values = self._template_scores(unit_rows(np.asarray(X, dtype=np.float64)))
        weights = {"score": np.maximum(values, 0), "softmax": softmax(values), "equal": np.ones(len(values))}
        chosen = weights[self.weighting]
        if self.select is not None:
            deviation = median_abs_deviation(values)
            chosen = chosen * (values - np.median(values) > self.select * deviation)
        return chosen / chosen.sum() if chosen.sum() > 0 else np.full(len(values), 1 / len(values))

    def _prepare(self, table: ClassTable) -> None:
        if self.weighting not in ("score", "softmax", "equal"):
            raise InputError(f"weighting is score, softmax or equal; got {self.weighting!r}")
        self.templates_ = in_slots(self._prompts(table))

    def _template_scores(self, X: np.ndarray) -> np.ndarray:
        centre = X.mean(axis=0)
        if self.reference is not None:
            centre = (centre + unit_rows(np.asarray(self.reference, dtype=np.float64)).mean(axis=0)) / 2
        # The mean logit of a template and class is the logit of the mean image, so that it can be taken off the images.
        X = X - centre
        texts = self.templates_
        return np.array([self.scale * (X @ texts[:, t].T).max(axis=1).mean() for t in range(texts.shape[1])])

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        if not len(X):
            return np.empty((0, table.n_classes))
        weighted = np.einsum("ctd,t->cd", self.templates_, self.weights(X))
        return self.scale * unit_rows(X) @ weighted.T
