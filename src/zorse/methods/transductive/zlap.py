"""ZLaP (CVPR 2024): class texts and unlabelled images in one graph, labels spread from the texts along it."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zorse.core import ClassTable, Paper, Reason, Traits
from zorse.nn.propagation import propagate, symmetric_normalised
from zorse.nn.search import nearest
from zorse.nn.vectors import unit_rows
from zorse.templates import TransductiveClassifier
from zorse.templates.transductive import same_rows


class ZLaP(TransductiveClassifier):
    """Spread labels from class texts over a graph of unlabelled images, then to new images from their neighbours.

    Parameters
    ----------
    k : int, default=5
        Nearest images, and nearest texts, that each image is linked to. Among the unlabelled images it counts the
        image itself, so that k - 1 others remain; the authors' code, which the published numbers come from, does so.
    gamma : float, default=5.0
        Power that similarities of an image to a text are raised to, which brings them down to those between images.
    alpha : float, default=0.3
        In [0, 1): how far labels spread.
    sparse : bool, default=False
        True: of each node keep the score of its best class alone (the paper's sparse inverse), so that a new image
        costs O(k), not O(k c), and the model holds m + c numbers, not (m + c) c.
    tolerance : float, default=1e-6
        Residual at which a system of equations counts as solved.

    Attributes
    ----------
    unlabelled_ : ndarray of shape (m, d)
        Unlabelled images at unit length, float32.
    neighbours_, similarities_ : ndarray of shape (m, k)
        Their nearest images.
    inverse_ : ndarray of shape (c + m, c), or (c + m,) where ``sparse``
        Score of every class at every node, texts first.
    degree_ : ndarray of shape (c + m,)
        Sum of the weights of each node's links.
    best_ : ndarray of shape (c + m,)
        Where ``sparse``: the class that the score belongs to.

    Notes
    -----
    Nodes are the c texts and m images; an image is linked to its k nearest images with weight max(cos, 0) and to its k
    nearest texts with max(cos, 0)^gamma, either direction alike. With S = D^-1/2 W D^-1/2 the score of class c at an
    image is its entry of (I - alpha S)^-1 e_c. An image of the unlabelled set gets that score (the transductive
    setting); a new image with links y to its neighbours gets y^T (I - alpha S)^-1 e_c (the inductive setting, equation
    for equation the label that it would receive without changing the graph). Nothing labelled is looked at:
    ``fit(None, None, classes=table, unlabelled=images)``.

    Differs from the paper: the columns of the inverse are solved for together in single precision; similarities are
    not rescaled as for classifiers that are no texts (its InMaP proxies).

    Cost: O(m^2 d) for the graph, once; a label space O(i c m k) for i (about 6) iterations; a new image O((m + c) d)
    to find its neighbours and O(k c) to score, O(k) where ``sparse``.

    References
    ----------
    Stojnić, Kalantidis, Tolias. Label Propagation for Zero-shot Classification with Vision-Language Models. CVPR 2024.
    """

    paper = Paper(
        title="Label Propagation for Zero-shot Classification with Vision-Language Models",
        authors="Vladan Stojnić, Yannis Kalantidis, Giorgos Tolias",
        venue="CVPR",
        year=2024,
        url="https://arxiv.org/abs/2404.04072",
        aka=("ZLaP", "zero-shot label propagation"),
        seed=20,
    )
    traits = Traits(trained=False, needs_unlabelled=True, open_candidates=False, aligned_space=True)
    inverse_: np.ndarray
    degree_: np.ndarray

    def __init__(
        self, k: int = 5, gamma: float = 5.0, alpha: float = 0.3, sparse: bool = False, tolerance: float = 1e-6
    ):
        self.k = k
        self.gamma = gamma
        self.alpha = alpha
        self.sparse = sparse
        self.tolerance = tolerance

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        self.unlabelled_ = unit_rows(unlabelled).astype(np.float32)
        self.neighbours_, self.similarities_ = nearest(self.unlabelled_, self.unlabelled_, self.k)

    def _prepare(self, table: ClassTable) -> None:
        super()._prepare(table)
        self.texts_ = unit_rows(table.vectors).astype(np.float32)
        inverse = self._solved(nearest(self.unlabelled_, self.texts_, self.k))
        if self.sparse:
            self.best_ = inverse.argmax(axis=1)
            inverse = inverse[np.arange(len(inverse)), self.best_]
        self.inverse_ = inverse

    def _solved(self, to_texts: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Score of every class at every node, (c + m, c), texts first."""
        c = len(self.texts_)
        links = self._links(self.neighbours_, self.similarities_, *to_texts)
        A = sparse.vstack([sparse.csr_array((c, links.shape[1]), dtype=links.dtype), links])
        W = (A + A.T).tocsr()
        self.degree_ = np.asarray(W.sum(axis=1)).ravel() - W.diagonal()
        S = symmetric_normalised(W)
        return propagate(S, np.arange(c), self.alpha, tolerance=self.tolerance)

    def _links(self, images, to_images, texts, to_texts) -> sparse.csr_array:
        """Weights (n, c + m) of the links from n images to texts and images."""
        c, n, k = len(self.texts_), len(images), images.shape[1] + texts.shape[1]
        nodes = np.concatenate([texts, images + c], axis=1)
        weights = np.concatenate([np.maximum(to_texts, 0) ** self.gamma, np.maximum(to_images, 0)], axis=1)
        shape = (n, c + len(self.unlabelled_))
        return sparse.csr_array((weights.ravel(), nodes.ravel(), np.arange(0, n * k + 1, k)), shape=shape)

    def _known(self, place: np.ndarray) -> np.ndarray:
        return self._of_nodes(place + len(self.texts_))

    def _of_nodes(self, nodes: np.ndarray) -> np.ndarray:
        """Scores (n, c) of nodes, texts first."""
        if not self.sparse:
            return self.inverse_[nodes]
        out = np.zeros((len(nodes), len(self.texts_)))
        out[np.arange(len(nodes)), self.best_[nodes]] = self.inverse_[nodes]
        return out

    def _new(self, x: np.ndarray) -> np.ndarray:
        return self._spread(self._links(*nearest(x, self.unlabelled_, self.k), *nearest(x, self.texts_, self.k)))

    def _spread(self, links: sparse.csr_array) -> np.ndarray:
        """Scores (n, c) of new images with ``links`` (n, c + m)."""
        if not self.sparse:
            return links @ self.inverse_
        n, c = links.shape[0], len(self.texts_)
        cells = np.repeat(np.arange(n) * c, np.diff(links.indptr)) + self.best_[links.indices]
        weights = links.data * self.inverse_[links.indices]
        return np.bincount(cells, weights=weights, minlength=n * c).reshape(n, c)

    def because(self, x: np.ndarray, best: int, other: int) -> list[Reason]:
        """The texts and the other images that an image is linked to; what each hands on adds up to its lead."""
        x, c = unit_rows(x).astype(np.float32), len(self.texts_)
        (place,) = same_rows(x, self.unlabelled_)
        row = self._links(*nearest(x, self.unlabelled_, self.k), *nearest(x, self.texts_, self.k))
        if place >= 0:
            # Its row of alpha S: links lead both ways, and an image of the graph is not its own neighbour.
            weights = row.toarray()[0]
            back, rank = np.nonzero(self.neighbours_ == place)
            weights[c + back] += np.maximum(self.similarities_[back, rank], 0)
            weights[c + place] = 0
            scale = self.degree_ * self.degree_[c + place]
            row = sparse.csr_array((self.alpha * weights / np.sqrt(np.where(scale > 0, scale, 1)))[None])
        scores = self._of_nodes(row.indices)
        lead = row.data * (scores[:, best] - scores[:, other])
        return [
            Reason(float(weight), sample=node - c)
            if node >= c
            else Reason(float(weight), text=f"the text of {self.candidates_.labels[node]}")
            for node, weight in zip(row.indices.tolist(), lead, strict=True)
        ]

    @classmethod
    def example_params(cls) -> list[dict]:
        """With the whole inverse, and with its best entries alone."""
        return [{}, {"sparse": True, "k": 8}]
