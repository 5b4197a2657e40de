"""WaffleCLIP (ICCV 2023): random words and characters in the place of what a language model says about a class."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, Paper
from zorse.nn.vectors import unit_means, unit_rows
from zorse.templates import PromptedClassifier


class WaffleCLIP(PromptedClassifier):
    """Average over prompts that end in random words and random characters, the same for every class.

    Parameters
    ----------
    n_pairs : int, default=15
        Pairs of descriptors: one of random words, one of random characters.
    concept : str, optional
        What the classes are kinds of; ``"bird"`` makes the prompts "A photo of a bird: a heron, ...".
    words : tuple of str, optional
        Words to draw from, by default a built-in list of common ones.
    merge : bool, default=False
        Score by the cosine with the mean embedding, in place of the mean of the cosines.
    scale : float
        Inverse temperature of ``predict_proba``; the encoder's ``logit_scale``. It never moves the ranking.
    random_state : int, default=0
        Draws the descriptors in :meth:`describe`.

    Attributes
    ----------
    means_ : ndarray of shape (c, d)
        Mean of the unit prompt embeddings of each candidate; unit itself with ``merge``.
    candidates_ : ClassTable
        Its ``prompts`` hold the embeddings of a class with every descriptor.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    s(c, x) is the mean over 2 ``n_pairs`` descriptors r of cos(x, T("A photo of a c, which has r.")). The prompts come
    from ``zorse.semantics.random_descriptors``: as many words as a class name has on average, cut to their average
    length, and as many random characters in the same shape. Where descriptions are given they join the random ones.
    What is left of a gain from descriptions when their meaning is taken away is the gain of an ensemble; this is the
    baseline that any description should beat.

    Differs from the paper: characters are the letters a to z, and words a list of our own, where the paper takes
    both from the descriptors of its language model; prompts say "which has" throughout.

    Cost: fit O(p d) for p prompts in all. Predict O(n c d).

    References
    ----------
    Roth et al., Waffling around for Performance: Visual Classification with Random Words and Broad Concepts, ICCV 2023.
    """

    paper = Paper(
        title="Waffling around for Performance: Visual Classification with Random Words and Broad Concepts",
        authors="Karsten Roth, Jae Myung Kim, A. Sophia Koepke, Oriol Vinyals, Cordelia Schmid, Zeynep Akata",
        venue="ICCV",
        year=2023,
        url="https://arxiv.org/abs/2306.07282",
        aka=("WaffleCLIP", "random descriptors", "waffling"),
        seed=92,
    )
    means_: np.ndarray

    def __init__(
        self,
        n_pairs: int = 15,
        concept: str | None = None,
        words: tuple[str, ...] | None = None,
        merge: bool = False,
        scale: float = 100.0,
        random_state: int = 0,
    ):
        self.n_pairs = n_pairs
        self.concept = concept
        self.words = words
        self.merge = merge
        self.scale = scale
        self.random_state = random_state

    def describe(self, labels, encoder, *, templates=None, descriptions=None, store=None) -> ClassTable:
        """The class table of some names with random descriptors; templates and descriptions, if given, join them."""
        from zorse.semantics import class_table, random_descriptors, spoken

        names = [spoken(label) for label in labels]
        drawn = random_descriptors(names, self.n_pairs, words=self.words, random_state=self.random_state)
        kind = f"{self.concept}: a " if self.concept else ""
        random = [f"A photo of a {kind}{{}}, which has {text}." for text in drawn]
        if templates is not None:
            from zorse.semantics import check_templates, read_templates

            random += read_templates(templates) if isinstance(templates, str) else check_templates(templates)
        return class_table(labels, encoder, templates=random, descriptions=descriptions, store=store)

    def _prepare(self, table: ClassTable) -> None:
        means = unit_means(self._prompts(table))
        self.means_ = unit_rows(means) if self.merge else means

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * unit_rows(X) @ self.means_.T
