"""TMV-HLP (TPAMI 2015): several views of unlabelled samples made to agree, labels spread over their hypergraphs."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import sparse
from scipy.linalg import solve
from sklearn.metrics.pairwise import rbf_kernel

from zorse.core import ClassTable, Paper, Traits
from zorse.nn.correlation import multi_view_cca
from zorse.nn.propagation import propagate
from zorse.nn.search import nearest
from zorse.nn.vectors import unit_rows
from zorse.templates import TransductiveClassifier


class TMVHLP(TransductiveClassifier):
    """Embed unlabelled samples by multi-view CCA of features and class vectors; spread labels from prototypes.

    Parameters
    ----------
    penalty : float, default=1.0
        Of the kernel ridge regression from features to class vectors, learned on the seen classes.
    width : float, default=1.0
        Of its Gaussian kernel exp(-|x - x'|^2 / (width * d * variance of the features)).
    power : float, default=4.0
        Each direction of the embedding is weighed by its eigenvalue to this power.
    n_components : int, optional, default=None
        Directions of the embedding; None takes all with a positive eigenvalue.
    ridge : float, default=1.0
        Share of a view's mean variance added to its covariance. Predicted views are functions of the features, so that
        without it nearly every direction correlates.
    n_features : int, default=128
        Principal components that the view of the features is reduced to.
    k : int, default=20
        Nodes in a hyperedge.
    alpha : float, default=0.9
        In [0, 1): how far labels spread; the paper's eta is 1 / alpha - 1.
    balance : bool, default=True
        Divide the label of each class by the share of its prototype in a long walk; False leaves the paper's Z, in
        which prototypes that many samples are near to (hubs) take all.

    Attributes
    ----------
    unlabelled_ : ndarray of shape (m, d)
        At unit length, float32.
    support_, dual_ : ndarray of shape (n, d), (n, k')
        The regression to all semantic spaces side by side.
    maps_ : list of ndarray
        W_i D^power of each view: features, ``vectors``, then ``views`` of the table.
    eigenvalues_ : ndarray
    labels_ : ndarray of shape (m + c, c)
        Label of every node for the candidates: the unlabelled samples, then the prototypes.

    Notes
    -----
    A sample has one view for its features and one for each semantic space of the table (``vectors`` and ``views``), its
    class vector predicted there. Multi-view CCA on the unlabelled samples maps all into one space, which takes back
    the shift that the predictions suffer on new classes; a prototype enters by its own class vectors. For every ordered
    pair of views (i, j), each node in view i makes a hyperedge of its ``k`` nearest nodes in view j, members weighed by
    their cosine. A random walk on hypergraph G has Pi_G P_G = H W B^-1 H^T / vol (Zhou et al.), and mixing the graphs
    by their posterior at each node (Zhou and Burges) gives Pi P = mean of these. The labels are then
    Z = eta (eta Pi + Pi - Pi P)^-1 Pi Y with Y one at the prototypes, that is, with S = Pi^-1/2 (Pi P) Pi^-1/2, the
    columns of (1 - alpha) Pi^-1/2 (I - alpha S)^-1 Pi^1/2 that belong to prototypes.

    Differs from the paper: ``balance``. Semantic spaces are predicted by kernel ridge regression where the paper trains
    support vector machines; there is one kind of feature. The prototype's place in the view of the features, where it
    has none, is the mean of its places in the others. Ordinary graphs beside the hypergraphs, and labelled samples of
    new classes (N-shot), are left out. A new sample, which the paper does not have, is scored by the mean cosine of
    its predicted vectors with the prototypes in the embedding.

    Cost: O(n^3 + n^2 k') for the regression, O(d'^3) for the CCA over d' dimensions of all views; a label space
    O(v^2 m^2 d'') for hyperedges of v views, and O(i c v^2 m k^2) to spread.

    References
    ----------
    Fu, Hospedales, Xiang, Gong. Transductive Multi-view Zero-Shot Learning. TPAMI 37(11), 2015.
    Zhou, Burges. Spectral clustering and transductive learning with multiple views. ICML 2007.
    """

    paper = Paper(
        title="Transductive Multi-view Zero-Shot Learning",
        authors="Yanwei Fu, Timothy M. Hospedales, Tao Xiang, Shaogang Gong",
        venue="TPAMI",
        year=2015,
        url="https://arxiv.org/abs/1501.04560",
        aka=("TMV-HLP", "TMV", "transductive multi-view embedding", "hypergraph label propagation"),
        seed=28,
    )
    traits = Traits(needs_unlabelled=True, open_candidates=False)
    labels_: np.ndarray

    def __init__(
        self,
        penalty: float = 1.0,
        width: float = 1.0,
        power: float = 4.0,
        n_components: int | None = None,
        ridge: float = 1.0,
        n_features: int = 128,
        k: int = 20,
        alpha: float = 0.9,
        balance: bool = True,
    ):
        self.penalty = penalty
        self.width = width
        self.power = power
        self.n_components = n_components
        self.ridge = ridge
        self.n_features = n_features
        self.k = k
        self.alpha = alpha
        self.balance = balance

    def _fit_transductive(self, X: np.ndarray, rows: np.ndarray, table: ClassTable, unlabelled: np.ndarray) -> None:
        self.unlabelled_ = unit_rows(unlabelled).astype(np.float32)
        self.support_ = unit_rows(X)
        self.scale_ = 1 / (self.width * X.shape[1] * max(self.support_.var(), np.finfo(float).tiny))
        targets = np.hstack(unit_spaces(table))[rows]
        self.offset_ = targets.mean(axis=0)
        K = rbf_kernel(self.support_, gamma=self.scale_)
        self.dual_ = solve(K + self.penalty * np.eye(len(K)), targets - self.offset_, assume_a="pos")
        features = self.unlabelled_.astype(float)
        self.mean_ = features.mean(axis=0)
        n_features = min(self.n_features, *features.shape)
        self.components_ = np.linalg.svd(features - self.mean_, full_matrices=False)[2][:n_features].T
        views = self._views(features, [space.shape[1] for space in unit_spaces(table)])
        self.centres_ = [view.mean(axis=0) for view in views]
        centred = [view - centre for view, centre in zip(views, self.centres_, strict=True)]
        maps, self.eigenvalues_ = multi_view_cca(centred, self.n_components, self.ridge)
        self.maps_ = [W * self.eigenvalues_**self.power for W in maps]

    def _views(self, x: np.ndarray, widths: list[int]) -> list[np.ndarray]:
        predicted = rbf_kernel(x, self.support_, gamma=self.scale_) @ self.dual_ + self.offset_
        return [(x - self.mean_) @ self.components_, *np.split(predicted, np.cumsum(widths)[:-1], axis=1)]

    def _embedded(self, views: list[np.ndarray], of: slice = slice(None)) -> list[np.ndarray]:
        parts = zip(views, self.centres_[of], self.maps_[of], strict=True)
        return [unit_rows((view - centre) @ W) for view, centre, W in parts]

    def _prepare(self, table: ClassTable) -> None:
        super()._prepare(table)
        spaces = unit_spaces(table)
        self.widths_ = [space.shape[1] for space in spaces]
        prototypes = self._embedded(spaces, slice(1, None))
        prototypes = [unit_rows(np.mean(prototypes, axis=0)), *prototypes]
        samples = self._embedded(self._views(self.unlabelled_.astype(float), self.widths_))
        self.nodes_ = [np.vstack(pair) for pair in zip(samples, prototypes, strict=True)]
        m, total = len(self.unlabelled_), len(self.nodes_[0])
        walk = sparse.csr_array((total, total))
        for one, other in product(self.nodes_, repeat=2):
            H = self._hyperedges(one, other).T
            walk = walk + steps(H) / len(self.nodes_) ** 2
        pi = np.asarray(walk.sum(axis=1)).ravel()
        root = sparse.diags_array(pi**-0.5)
        spread = propagate(root @ walk @ root, np.arange(m, total), self.alpha, max_iter=200)
        self.labels_ = (1 - self.alpha) * pi[:, None] ** -0.5 * spread * pi[m:] ** (-0.5 if self.balance else 0.5)

    def _hyperedges(self, one: np.ndarray, other: np.ndarray) -> sparse.csr_array:
        """Membership (n, m + c) of the nodes of view ``other`` in the hyperedge of each row of ``one``."""
        index, similarity = nearest(one, other, self.k)
        n, k = index.shape
        weights = np.maximum(similarity, 1e-6).ravel().astype(float)
        return sparse.csr_array((weights, index.ravel(), np.arange(0, n * k + 1, k)), shape=(n, len(other)))

    def _known(self, place: np.ndarray) -> np.ndarray:
        return self.labels_[place]

    def _new(self, x: np.ndarray) -> np.ndarray:
        m = len(self.unlabelled_)
        embedded = self._embedded(self._views(x.astype(float), self.widths_))
        return np.mean([one @ nodes[m:].T for one, nodes in zip(embedded[1:], self.nodes_[1:], strict=True)], axis=0)

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small hyperedges."""
        return [{"k": 8, "penalty": 0.1}]


def unit_spaces(table: ClassTable) -> list[np.ndarray]:
    """The table's semantic spaces, each row at unit length."""
    return [unit_rows(space) for space in table.spaces]


def steps(H: sparse.csr_array) -> sparse.csr_array:
    """Pi P of the random walk on the hypergraph of membership H (nodes, hyperedges): symmetric, its sum is 1.

    From a node to a hyperedge in proportion to its membership times the hyperedge's weight (the mean membership), from
    there to a member in proportion to its membership.
    """
    size = np.asarray(H.sum(axis=0)).ravel()
    weight = size / np.maximum(np.diff(H.tocsc().indptr), 1)
    joint = H @ sparse.diags_array(weight / size) @ H.T
    return (joint / joint.sum()).tocsr()
