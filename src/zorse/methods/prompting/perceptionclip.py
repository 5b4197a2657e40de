"""PerceptionCLIP (ICLR 2024): infer the circumstances of a picture first, then the class given them."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, softmax

from zorse.core import ClassTable, InputError, Paper, Traits
from zorse.nn.vectors import in_slots, unit_rows
from zorse.templates import PromptedClassifier

_BLOCK = 4 << 20  # numbers held at a time


class PerceptionCLIP(PromptedClassifier):
    """Classify within each context (background, light, style, ...), weighted by how well the context fits the image.

    Parameters
    ----------
    temperature : float, default=1.0
        Logits are divided by it where contexts are inferred (tau); larger spreads the weight over more of them.
    contexts : array-like of shape (z, d), optional
        Embeddings of the contexts without a class ("a photo of an object, outdoors"). With them contexts are inferred
        from these alone; without, from the prompts that name class and context.
    scale : float, default=100.0
        The encoder's ``logit_scale``; it decides how sharp contexts and classes are.

    Attributes
    ----------
    prompts_ : ndarray of shape (c, z, d)
        Unit embedding of every class in every context.
    candidates_ : ClassTable
        Its ``prompts`` hold a class in each context, in the same order for all.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    With f(y, z; x) = ``scale`` cos(x, T(y, z)): p(z|x) = softmax over z of logsumexp_y f(y, z; x) / tau, or of
    f(z; x) / tau where ``contexts`` are given; p(y|x) = sum_z p(z|x) softmax_y f(y, z; x). Scores are log p(y|x). A
    context depends on the candidates. :meth:`describe` writes the contexts of ``zorse.semantics.CONTEXTS`` behind each
    name; ``templates`` give others, one a context. :meth:`inferred` shows p(z|x).

    Differs from the paper: a value of an attribute is one text, where the paper averages several descriptions of it.
    Classes may have different numbers of prompts: the missing ones are the mean of the others.

    Cost: O(n c z d), in blocks of 4 million logits.

    References
    ----------
    An et al., More Context, Less Distraction: Zero-shot Visual Classification by Inferring and Conditioning on
    Contextual Attributes, ICLR 2024.
    """

    paper = Paper(
        title="More Context, Less Distraction: Zero-shot Visual Classification by Inferring and Conditioning on "
        "Contextual Attributes",
        authors="Bang An, Sicheng Zhu, Michael-Andrei Panaitescu-Liess, Chaithanya Kumar Mummadi, Furong Huang",
        venue="ICLR",
        year=2024,
        url="https://arxiv.org/abs/2308.01313",
        aka=("PerceptionCLIP", "contextual attributes"),
        seed=57,
    )
    traits = Traits(trained=False, aligned_space=True, open_candidates=False)
    weighs_prompts = True
    prompts_: np.ndarray

    def __init__(self, temperature: float = 1.0, contexts=None, scale: float = 100.0):
        self.temperature = temperature
        self.contexts = contexts
        self.scale = scale

    @classmethod
    def example_params(cls) -> list[dict]:
        """A scale that leaves more than one context in play."""
        return [{"scale": 30.0}]

    def describe(self, labels, encoder, *, templates=None, descriptions=None, store=None) -> ClassTable:
        """The class table of some names, each in every context; ``templates`` are the contexts, one each."""
        from zorse.semantics import CONTEXTS, class_table

        if descriptions is not None:
            raise InputError("PerceptionCLIP takes contexts as templates, one each; it has no use for descriptions")
        contexts = CONTEXTS if templates is None else templates
        return self._weighed(class_table(labels, encoder, templates=contexts, store=store))

    def inferred(self, X) -> np.ndarray:
        """p(z|x): how well each context fits each image (n, z); rows sum to 1."""
        return self._contexts_and_scores(unit_rows(np.asarray(X, dtype=np.float64)))[0]

    def _prepare(self, table: ClassTable) -> None:
        prompts = in_slots(self._prompts(table))
        if self.contexts is not None and np.shape(self.contexts) != prompts.shape[1:]:
            raise InputError(f"contexts have shape {np.shape(self.contexts)}; the prompts ask for {prompts.shape[1:]}")
        if not self.temperature > 0:
            raise InputError(f"temperature must be positive; got {self.temperature}")
        self.prompts_ = prompts

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self._contexts_and_scores(unit_rows(X))[1]

    def _contexts_and_scores(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        c, z, d = self.prompts_.shape
        fits, scores = np.empty((len(X), z)), np.empty((len(X), c))
        block = max(1, _BLOCK // (c * z))
        for start in range(0, len(X), block):
            x, at = X[start : start + block], slice(start, start + block)
            f = self.scale * (x @ self.prompts_.reshape(c * z, d).T).reshape(len(x), c, z)
            if self.contexts is None:
                context = logsumexp(f / self.temperature, axis=1)
            else:
                context = self.scale * x @ unit_rows(np.asarray(self.contexts, dtype=float)).T / self.temperature
            fits[at] = softmax(context, axis=1)
            log_fits = context - logsumexp(context, axis=1, keepdims=True)
            log_class = f - logsumexp(f, axis=1, keepdims=True)
            scores[at] = logsumexp(log_class + log_fits[:, None], axis=2)
        return fits, scores
