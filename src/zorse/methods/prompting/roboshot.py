"""RoboShot (ICLR 2024): what a language model says about a task cleans image embeddings of what misleads them."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr

from zorse.core import ClassTable, InputError, Paper, Reason, Traits, ZeroShotClassifier
from zorse.nn.vectors import unit_rows


class RoboShot(ZeroShotClassifier):
    """Remove harmful insight directions from image embeddings and strengthen helpful ones; robust over groups.

    Parameters
    ----------
    harmful : array-like of shape (p, 2, d), optional
        Embeddings of pairs of texts that differ in what should not matter (a land background, a water background).
    helpful : array-like of shape (q, 2, d), optional
        Pairs that differ in what should (straight beak, curved beak).
    scale : float, default=100.0
        What cosines are multiplied by; the encoder's ``logit_scale``.

    Attributes
    ----------
    harmful_, helpful_ : ndarray of shape (r, d)
        Orthonormal basis of the differences of each; r is 0 where nothing is given.
    candidates_ : ClassTable
        Its ``graph`` may hold the pairs that are not given as parameters; :meth:`describe` builds it.
    classes_ : ndarray of shape (c,)

    Raises
    ------
    InputError
        If pairs are not (p, 2, d) with the d of the samples, or the two texts of every pair are the same.

    Notes
    -----
    v = e(s_1) - e(s_2) for each pair, q_1 ... q_r an orthonormal basis of them. Rejecting takes x - (x q) q for each q,
    and accepting x + cos(x, q) q, each scaled to unit length. As the q are orthogonal, all steps of one kind are one:
    normalize(x -+ x Q^T Q). Where both are given, rejecting comes first. Texts stay as they are, and nothing is
    learned. With neither it is CLIP.

    Differs from the paper: pairs are read, not asked of a language model while it runs (``zorse describe`` asks for
    them); its label-free adaptation of the directions on unlabelled images is left out.

    Cost: O(p^2 d) to fit; O(n d (c + r)) to score, one product more than without.

    References
    ----------
    Adila, Shin, Cai, Sala. Zero-Shot Robustification of Zero-Shot Models. ICLR 2024.
    """

    paper = Paper(
        title="Zero-Shot Robustification of Zero-Shot Models",
        authors="Dyah Adila, Changho Shin, Linrong Cai, Frederic Sala",
        venue="ICLR",
        year=2024,
        url="https://arxiv.org/abs/2309.04344",
        aka=("RoboShot",),
        seed=51,
    )
    traits = Traits(trained=False, aligned_space=True)
    harmful_: np.ndarray
    helpful_: np.ndarray

    def __init__(self, harmful=None, helpful=None, scale: float = 100.0):
        self.harmful = harmful
        self.helpful = helpful
        self.scale = scale

    def describe(self, labels, encoder, *, templates=None, descriptions=None, store=None) -> ClassTable:
        """The class table of some names with what is known to mislead, and to help.

        ``descriptions`` are ``{"harmful": [[text, other text], ...], "helpful": [...]}``, or a JSON file of it.
        """
        from zorse.semantics import class_table, insight_table

        if descriptions is not None:
            return insight_table(labels, encoder, descriptions, templates=templates, store=store)
        if self.harmful is None and self.helpful is None:
            raise InputError(
                "RoboShot reads pairs of texts that differ in what misleads, or helps "
                '({"harmful": [["land", "water"], ...], "helpful": [...]}), and no descriptions are given; write a '
                "JSON file of them, or let zorse describe --style roboshot write it, for --descriptions FILE"
            )
        return class_table(labels, encoder, templates=templates, store=store)

    def _fit(self, X: np.ndarray, rows: np.ndarray, table: ClassTable) -> None:
        for kind, given in (("harmful", self.harmful), ("helpful", self.helpful)):
            pairs = _pairs(table, kind) if given is None else given
            setattr(self, f"{kind}_", _directions(pairs, table.n_semantics, kind))

    def cleaned(self, X: np.ndarray) -> np.ndarray:
        """Embeddings (n, d) without what is harmful and with more of what is helpful, of unit length."""
        x = unit_rows(np.asarray(X, dtype=float))
        x = unit_rows(x - x @ self.harmful_.T @ self.harmful_)
        return unit_rows(x + x @ self.helpful_.T @ self.helpful_)

    def _scores(self, X: np.ndarray, table: ClassTable) -> np.ndarray:
        return self.scale * self.cleaned(X) @ unit_rows(table.vectors).T

    def because(self, x: np.ndarray, best: int, other: int) -> list[Reason]:
        """The image as it is, and what each insight alone does to its lead; together they need not add up."""
        x = unit_rows(np.asarray(x, dtype=float))
        towards = np.subtract(*unit_rows(self.candidates_.vectors[[best, other]]))
        as_it_is = float(x[0] @ towards)
        reasons = [Reason(as_it_is)]
        for kind, sign, given in (("harmful", -1, self.harmful), ("helpful", 1, self.helpful)):
            pairs = _pairs(self.candidates_, kind) if given is None else np.asarray(given, dtype=float)
            for i, pair in enumerate(() if pairs is None else pairs):
                (v,) = unit_rows((pair[0] - pair[1])[None])
                lead = float(unit_rows(x + sign * (x @ v)[:, None] * v)[0] @ towards) - as_it_is
                text = f"{kind}: pair {i + 1}"
                if given is None and self.candidates_.graph is not None:
                    one, two = (self.candidates_.graph.nodes[at] for at in _edges(self.candidates_, kind)[i])
                    text = f"{one} / {two.removeprefix(f'{kind}: ')}"
                reasons.append(Reason(lead, text=text))
        return reasons


def _pairs(table: ClassTable, kind: str) -> np.ndarray | None:
    """The pairs of that kind in the graph of a table of :meth:`RoboShot.describe`, (p, 2, d)."""
    edges = _edges(table, kind)
    return table.graph.vectors[edges] if table.graph is not None and len(edges) else None


def _edges(table: ClassTable, kind: str) -> np.ndarray:
    """Nodes (p, 2) of those pairs."""
    if table.graph is None:
        return np.empty((0, 2), dtype=int)
    # A graph of another kind has no such names.
    ours = np.array([node.startswith(f"{kind}: ") for node in table.graph.nodes])
    return table.graph.edges[ours[table.graph.edges].all(axis=1)]


def _directions(pairs, d: int, what: str) -> np.ndarray:
    if pairs is None:
        return np.zeros((0, d))
    pairs = np.asarray(pairs, dtype=float)
    if pairs.ndim != 3 or pairs.shape[1:] != (2, d) or not np.isfinite(pairs).all():
        raise InputError(f"expected {what} insights of shape (p, 2, {d}), pairs of embeddings; got {pairs.shape}")
    Q, R, _ = qr((pairs[:, 0] - pairs[:, 1]).T, mode="economic", pivoting=True)
    size = np.abs(np.diag(R))
    if not size.any():
        raise InputError(f"the two texts of every {what} insight are the same")
    return Q[:, size > 1e-10 * size[0]].T
