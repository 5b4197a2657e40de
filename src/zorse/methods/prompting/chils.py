"""CHiLS (ICML 2023): recognise the kinds of a class, and answer with the class."""

from __future__ import annotations

import numpy as np

from zorse.core import ClassTable, InputError, Paper
from zorse.nn.vectors import compact, unit_rows
from zorse.templates import PromptedClassifier

_BLOCK = 8 << 20  # cosines held at a time


class CHiLS(PromptedClassifier):
    """Score sub-classes, weigh each by the score of its class, and answer with the class of the best.

    Parameters
    ----------
    reweight : {"super", "hat", "supagg", "none"}
        How the probability of a class follows from those of its sub-classes: the best times the class's own
        (``"super"``, the paper's method), the best times their sum (``"hat"``), their sum times the class's own
        (``"supagg"``), or the best alone (``"none"``).
    scale : float
        The encoder's ``logit_scale``. It moves probabilities, and the ranking where probabilities are added up.

    Attributes
    ----------
    subclasses_ : ndarray of shape (p, d)
        Unit embeddings of all sub-classes: the first of every class, then the second of every class that has one, ...
    order_ : ndarray of shape (c,)
        Candidates by falling number of sub-classes, the order within each of these blocks.
    counts_ : ndarray of shape (largest number of sub-classes,)
        Sizes of the blocks.
    candidates_ : ClassTable
        Its ``vectors`` are those of the classes, its ``prompts`` hold one row for each sub-class.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    p_sub is the softmax over the sub-classes of all classes, p_sup the softmax over the classes; the answer is the
    class of argmax_j p_sub(j) p_sup(parent(j)). Both normalisers are the same for every class of an image, so the
    logarithm is ``scale`` (max_j cos_j + cos_c) but for a constant: no softmax is needed, and the score of a class
    does not depend on the other candidates. ``predict_proba`` is that product, normalised over classes.
    :meth:`describe` takes sub-classes from a JSON file ``{class: [sub-class, ...]}``, else from WordNet; a class joins
    its sub-classes.

    Differs from the paper: sub-classes are read, not generated; a table without them is one sub-class a prompt.

    Cost: O(n p d) for p sub-classes in all, one matrix product in blocks of 32 MB.

    References
    ----------
    Novack, McAuley, Lipton, Garg, CHiLS: Zero-Shot Image Classification with Hierarchical Label Sets, ICML 2023.
    """

    paper = Paper(
        title="CHiLS: Zero-Shot Image Classification with Hierarchical Label Sets",
        authors="Zachary Novack, Julian McAuley, Zachary C. Lipton, Saurabh Garg",
        venue="ICML",
        year=2023,
        url="https://arxiv.org/abs/2302.02551",
        aka=("CHiLS", "Classification with Hierarchical Label Sets", "hierarchical label sets"),
        seed=97,
    )
    subclasses_: np.ndarray
    order_: np.ndarray
    counts_: np.ndarray

    def __init__(self, reweight: str = "super", scale: float = 100.0):
        self.reweight = reweight
        self.scale = scale

    @classmethod
    def example_params(cls) -> list[dict]:
        """The paper's method and the sums over sub-classes."""
        return [{"scale": 30.0}, {"reweight": "supagg", "scale": 30.0}]

    def describe(self, labels, encoder, *, templates=None, descriptions=None, store=None) -> ClassTable:
        """The class table of some names, with a row of ``prompts`` for each sub-class.

        ``descriptions`` are ``{class: [sub-class, ...]}``, or a JSON file of it; without, WordNet's kinds of each
        class. A sub-class that does not hold the name of its class gets it ("salmon" of "fish": "salmon fish").
        """
        from zorse.semantics import subclass_table

        return subclass_table(labels, encoder, subclasses=descriptions, templates=templates, store=store)

    def _prepare(self, table: ClassTable) -> None:
        if self.reweight not in ("super", "hat", "supagg", "none"):
            raise InputError(f"reweight is super, hat, supagg or none; got {self.reweight!r}")
        prompts = self._prompts(table)
        sizes = np.array([len(kinds) for kinds in prompts])
        self.order_ = np.argsort(-sizes, kind="stable")
        self.counts_ = np.array([(sizes > j).sum() for j in range(sizes.max())])
        # The j-th sub-class of every class that has one, largest classes first: what is compared lies in equal blocks.
        rows = [prompts[c][j] for j, count in enumerate(self.counts_) for c in self.order_[:count]]
        self.subclasses_ = compact(unit_rows(np.stack(rows)))

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        kind = self.subclasses_.dtype
        X, vectors = unit_rows(X).astype(kind), unit_rows(table.vectors[self.order_]).astype(kind)
        scores = np.empty((len(X), table.n_classes))
        block = max(1, _BLOCK // len(self.subclasses_))
        for start in range(0, len(X), block):
            x = X[start : start + block]
            kinds = np.split(x @ self.subclasses_.T, np.cumsum(self.counts_)[:-1], axis=1)
            best = kinds[0].copy()
            for sub in kinds[1:]:
                np.maximum(best[:, : sub.shape[1]], sub, out=best[:, : sub.shape[1]])
            part = np.zeros_like(best) if self.reweight == "supagg" else self.scale * best
            if self.reweight in ("hat", "supagg"):
                total = np.zeros_like(best)
                for sub in kinds:
                    total[:, : sub.shape[1]] += np.exp(self.scale * (sub - best[:, : sub.shape[1]]))
                part += self.scale * best + np.log(total)
            if self.reweight in ("super", "supagg"):
                part += self.scale * (x @ vectors.T)
            scores[start : start + block, self.order_] = part
        return scores
