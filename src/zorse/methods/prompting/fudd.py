"""FuDD (ICLR 2024): ask what tells the likeliest classes apart, and decide among them by the answers."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zorse.core import ClassTable, InputError, Paper, Reason, Traits
from zorse.nn.vectors import compact, unit_rows, with_top
from zorse.templates import PromptedClassifier

_BLOCK = 512  # images at a time


class FuDD(PromptedClassifier):
    """Re-score the k likeliest classes of an image by texts that say how each differs from the others among them.

    Parameters
    ----------
    k : int, default=10
        Classes that are told apart; 0 takes all.
    scale : float
        Inverse temperature of ``predict_proba``; the encoder's ``logit_scale``. It never moves the ranking.

    Attributes
    ----------
    texts_ : ndarray of shape (m, d)
        Unit embeddings of the differential descriptions between candidates.
    pairs_ : ndarray of shape (q,)
        Sorted codes a c + b of the pairs of candidates (a, b) for which a text says how a differs from b.
    starts_ : ndarray of shape (q + 1,)
        Where the texts of each pair begin in ``at_``.
    at_ : ndarray of shape (e,)
        Rows of ``texts_``.
    nodes_ : ndarray of shape (m,)
        Nodes of the graph that the texts are.
    candidates_ : ClassTable
        Its ``vectors`` are those of a plain template. Its ``graph`` holds the texts as nodes: an edge leads from a
        class to a text, and its relation is the row of the node of the class that the text tells it from.
    classes_ : ndarray of shape (c,)

    Notes
    -----
    The k classes of highest cosine with the plain template are ambiguous. Each is then the unit mean of the unit
    embeddings of all texts that tell it from the k - 1 others, a text that serves several counted once, and the best
    cosine wins. A class that no text tells from the others keeps its plain vector. Classes beyond the k keep the order
    of their plain cosines, moved below the last of the k. ``zorse.semantics.difference_table`` builds the table.
    Without texts, as without a table, it is CLIP.

    Differs from the paper: descriptions are read, not generated for the pairs that occur.

    Cost: O(n c d) for the plain cosines, O(n k^2 p d) for p texts a pair, without a loop over images; 512 images at a
    time hold 512 k d numbers.

    References
    ----------
    Esfandiarpoor, Bach, Follow-Up Differential Descriptions: Language Models Resolve Ambiguities for Image
    Classification, ICLR 2024.
    """

    paper = Paper(
        title="Follow-Up Differential Descriptions: Language Models Resolve Ambiguities for Image Classification",
        authors="Reza Esfandiarpoor, Stephen H. Bach",
        venue="ICLR",
        year=2024,
        url="https://arxiv.org/abs/2311.07593",
        aka=("FuDD", "follow-up differential descriptions", "differential descriptions"),
        seed=69,
    )
    traits = Traits(trained=False, aligned_space=True, open_candidates=False)
    texts_: np.ndarray
    pairs_: np.ndarray
    starts_: np.ndarray
    at_: np.ndarray
    nodes_: np.ndarray

    def __init__(self, k: int = 10, scale: float = 100.0):
        self.k = k
        self.scale = scale

    @classmethod
    def example_params(cls) -> list[dict]:
        """Fewer ambiguous classes than there are classes."""
        return [{"k": 3, "scale": 30.0}]

    def describe(self, labels, encoder, *, templates=None, descriptions=None, store=None) -> ClassTable:
        """The class table of some names with what tells them apart.

        ``descriptions`` are ``{class: {other class: [text about class, ...]}}``, or a JSON file of it.
        """
        from zorse.semantics import difference_table

        if descriptions is None:
            raise InputError(
                "FuDD needs texts that tell one class from another; give them as --descriptions, "
                'a JSON file {class: {other class: ["a photo of a class, with ...", ...]}}'
            )
        return difference_table(labels, encoder, descriptions, templates=templates, store=store)

    def _prepare(self, table: ClassTable) -> None:
        if self.k < 0:
            raise InputError(f"k is a number of classes, or 0 for all; got {self.k}")
        c, graph = table.n_classes, table.graph
        none = np.empty(0, dtype=np.int64)
        a, b, text = none, none, none
        self.texts_, self.nodes_ = np.empty((0, table.n_semantics)), none
        # A graph of another kind, such as a taxonomy, has other relations or vectors, and tells nothing here.
        if graph is not None and graph.relations is not None and graph.vectors.shape[1] == table.n_semantics:
            row_of = np.full(len(graph.nodes), -1)
            row_of[graph.rows(map(str, table.labels))] = np.arange(c)
            a, b = row_of[graph.edges[:, 0]], row_of[graph.relations]
            kept = (a >= 0) & (b >= 0)
            self.nodes_, text = np.unique(graph.edges[kept, 1], return_inverse=True)
            a, b = a[kept], b[kept]
            self.texts_ = compact(unit_rows(graph.vectors[self.nodes_]))
        code = a * c + b
        order = np.argsort(code, kind="stable")
        self.pairs_, starts = np.unique(code[order], return_index=True)
        self.starts_, self.at_ = np.append(starts, len(code)), text[order]

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        X, vectors = (unit_rows(rows).astype(self.texts_.dtype) for rows in (X, table.vectors))
        scores = np.empty((len(X), table.n_classes))
        for start in range(0, len(X), _BLOCK):
            x = X[start : start + _BLOCK]
            plain, top = self._ambiguous(x, vectors)
            told = self._told_apart(x, top, np.take_along_axis(plain, top, axis=1))
            scores[start : start + _BLOCK] = with_top(plain, top, told)
        return self.scale * scores

    def _ambiguous(self, x: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Plain cosines (n, c), and the likeliest classes (n, k) by them."""
        plain = (x @ vectors.T).astype(np.float64)
        k = min(self.k or len(vectors), len(vectors))
        return plain, np.argpartition(-plain, k - 1, axis=1)[:, :k]

    def _told_apart(self, x: np.ndarray, top: np.ndarray, plain: np.ndarray) -> np.ndarray:
        """Cosine of each image with each of its ambiguous classes (n, k), by what tells them apart."""
        n, k = top.shape
        if not len(self.pairs_):
            return plain
        sums = self._telling(top) @ self.texts_
        length = np.linalg.norm(sums, axis=1)
        dots = np.einsum("nkd,nd->nk", sums.reshape(n, k, -1), x).ravel()
        told = np.where(length > 0, dots / np.where(length > 0, length, 1), plain.ravel())
        return told.reshape(n, k)

    def _telling(self, top: np.ndarray) -> sparse.csr_array:
        """Ones (n k, m) where a text tells an image's ambiguous class from another of them."""
        n, k = top.shape
        codes = (top[:, :, None] * len(self.classes_) + top[:, None, :]).reshape(n * k, k)
        pair = np.minimum(np.searchsorted(self.pairs_, codes), len(self.pairs_) - 1)
        image_class, other = np.nonzero(self.pairs_[pair] == codes)
        pair = pair[image_class, other]
        size = self.starts_[pair + 1] - self.starts_[pair]
        ends = np.cumsum(size)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - size, size)
        text = self.at_[np.repeat(self.starts_[pair], size) + within]
        row = np.repeat(image_class, size)
        ones, shape = np.ones(len(text), self.texts_.dtype), (n * k, len(self.texts_))
        chosen = sparse.coo_array((ones, (row, text)), shape=shape).tocsr()
        chosen.sum_duplicates()
        chosen.data[:] = 1  # a text that tells a class from several others counts once
        return chosen

    def because(self, x: np.ndarray, best: int, other: int) -> list[Reason] | None:
        """The texts that tell the answer from the other likeliest classes, by the cosine of each beyond the next score.

        None where no text does, so that the plain prompts decided.
        """
        graph = self.candidates_.graph
        if graph is None or not len(self.pairs_):
            return None
        x, vectors = (unit_rows(rows).astype(self.texts_.dtype) for rows in (x, self.candidates_.vectors))
        top = self._ambiguous(x, vectors)[1]
        chosen = self._telling(top)[np.flatnonzero(top[0] == best)].nonzero()[1]
        if not len(chosen):
            return None
        lead = self.texts_[chosen] @ x[0] - self._scores(x, self.candidates_)[0, other] / self.scale
        names = [graph.nodes[self.nodes_[t]].removeprefix("text: ") for t in chosen]
        return [Reason(float(w), text=name) for w, name in zip(lead, names, strict=True)]
