from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from zorse.data import toy_zsl
from zorse.methods.transductive.tmvhlp import TMVHLP, steps, unit_spaces
from zorse.nn.search import nearest

TASK = toy_zsl(n_seen=10, n_unseen=4, n_per_class=15, noise=0.25)
RNG = np.random.default_rng(0)
# A second semantic space: another linear image of the same descriptions, with noise.
SECOND = TASK.classes.vectors @ RNG.standard_normal((6, 5)) + 0.1 * RNG.standard_normal((14, 5))
TABLE = replace(TASK.classes, views=(SECOND,))
U, y = TASK.test_unseen


def fitted(**params):
    model = TMVHLP(**{"k": 6, "penalty": 0.1} | params)
    return model.fit(*TASK.train, classes=TABLE, unlabelled=U).with_candidates(TASK.unseen)


def naive_walk(model):
    """Stationary distribution and transitions, node by node, of every hypergraph; then the mixture by posteriors."""
    nodes = model.nodes_
    total = len(nodes[0])
    graphs = []
    for one in nodes:
        for other in nodes:
            index, likeness = nearest(one, other, model.k)
            h = np.zeros((total, total))  # node, hyperedge
            for e in range(total):
                h[index[e], e] = np.maximum(likeness[e], 1e-6)
            w = h.sum(axis=0) / (h > 0).sum(axis=0)
            degree = (h * w).sum(axis=1)
            P = np.zeros((total, total))
            for u in range(total):
                for e in range(total):
                    if h[u, e]:
                        P[u] += h[u, e] * w[e] / degree[u] * h[:, e] / h[:, e].sum()
            graphs.append((degree / degree.sum(), P))
    posterior = np.array([pi for pi, _ in graphs])
    pi = posterior.mean(axis=0)
    posterior = posterior / posterior.sum(axis=0)
    return pi, sum(q[:, None] * P for q, (_, P) in zip(posterior, graphs, strict=True))


@pytest.mark.parametrize("balance", [False, True])
def test_the_labels_are_the_papers_dense_solution(balance):
    model = fitted(balance=balance)
    pi, P = naive_walk(model)
    Pi, eta, m = np.diag(pi), 1 / model.alpha - 1, len(U)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    np.testing.assert_allclose(pi @ P, pi)  # stationary
    L = Pi - (Pi @ P + P.T @ Pi) / 2
    Y = np.eye(len(pi))[:, m:]
    Z = eta * np.linalg.solve(eta * Pi + L, Pi @ Y)
    Z = Z / pi[m:] if balance else Z
    np.testing.assert_allclose(model.labels_, Z, atol=1e-4 * np.abs(Z).max())


def test_a_walk_on_one_hyperedge_is_a_draw_from_it():
    H = sparse.csr_array(np.array([[1.0], [1.0], [2.0]]))
    np.testing.assert_allclose(steps(H).toarray(), np.outer([1, 1, 2], [1, 1, 2]) / 16)


def test_balanced_labels_are_symmetric_between_prototypes():
    # Z / pi is a symmetric kernel: what one prototype gives another, it gets back.
    Z = fitted(balance=True).labels_[len(U) :]
    np.testing.assert_allclose(Z, Z.T, rtol=1e-3)


def test_samples_known_are_labelled_better_than_by_their_predicted_vectors():
    model = fitted()
    widths = [space.shape[1] for space in unit_spaces(TABLE)]
    predicted = model._views(model.unlabelled_.astype(float), widths)[1]
    unseen = TABLE.select(TASK.unseen)
    nearest_prototype = unseen.labels[(predicted @ unseen.vectors.T).argmax(axis=1)]
    assert (model.predict(U) == y).mean() >= (nearest_prototype == y).mean() > 0.5


def test_a_scaled_semantic_space_changes_nothing():
    scaled = replace(TABLE, views=(7 * SECOND,))
    model = TMVHLP(k=6, penalty=0.1).fit(*TASK.train, classes=scaled, unlabelled=U).with_candidates(TASK.unseen)
    np.testing.assert_allclose(model.scores(U), fitted().scores(U), atol=1e-6)


def test_a_new_sample_near_a_known_one_is_labelled_alike():
    model = fitted()
    assert (model.predict(U + 0.01) == model.predict(U)).mean() > 0.8
