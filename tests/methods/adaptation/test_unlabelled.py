import numpy as np
import pytest
import torch

from zorse.core import ClassTable
from zorse.data import toy_zsl
from zorse.methods.adaptation.dpa import DPA, evened, image_prototypes, ranking_weights
from zorse.methods.adaptation.pouf import POUF
from zorse.methods.adaptation.reclip import ReCLIP
from zorse.methods.pretraining.clip import CLIP
from zorse.nn.propagation import telling_directions
from zorse.nn.unlabelled import conditional_transport, information_loss
from zorse.nn.vectors import unit_rows

TASK = toy_zsl(aligned=True, n_seen=4, n_unseen=6, noise=0.3)
U, TABLE = TASK.test_unseen[0], TASK.classes.select(TASK.unseen)
rng = np.random.default_rng(0)
COSINES = np.tanh(rng.standard_normal((7, 4)))


def softmax(v):
    e = [np.exp(a) for a in v]
    return [a / sum(e) for a in e]


def test_transport_entry_by_entry():
    forth = np.mean([sum((1 - c) * p for c, p in zip(r, softmax(5 * r), strict=True)) for r in COSINES])
    back = np.mean([sum((1 - c) * p for c, p in zip(k, softmax(5 * k), strict=True)) for k in COSINES.T])
    assert conditional_transport(torch.tensor(COSINES), 5.0).item() == pytest.approx(forth + back, abs=1e-9)


def test_information_entry_by_entry():
    p = np.array([softmax(row) for row in COSINES])
    each = np.mean([-sum(q * np.log(q) for q in row) for row in p])
    mean = -sum(q * np.log(q) for q in p.mean(axis=0))
    assert information_loss(torch.tensor(p)).item() == pytest.approx(each - mean, abs=1e-9)
    assert information_loss(torch.eye(4)).item() == pytest.approx(-np.log(4), abs=1e-6)  # certain and even: the least


def test_pouf_without_epochs_is_clip():
    model = POUF(epochs=0, device="cpu").fit(None, None, classes=TABLE, unlabelled=U)
    np.testing.assert_allclose(model.scores(U), CLIP().fit(None, None, classes=TABLE).scores(U), atol=1e-4)


def test_dpa_pieces_one_by_one():
    p = np.array([softmax(row) for row in COSINES])
    mean = p[:3].mean(axis=0)
    expected = [[a / m for a, m in zip(row, mean, strict=True)] for row in p]
    expected = [[a / sum(row) for a in row] for row in expected]
    np.testing.assert_allclose(evened(torch.tensor(p), torch.tensor(mean)), expected, atol=1e-12)
    labels = np.array([0, 1, 1, 3, 3, 3, 0])
    weights = ranking_weights(torch.tensor(p), torch.tensor(labels))
    np.testing.assert_allclose(weights, [row[y] / max(row) for row, y in zip(p, labels, strict=True)])
    x, T = unit_rows(rng.standard_normal((7, 5))), unit_rows(rng.standard_normal((4, 5)))
    found = image_prototypes(torch.tensor(x), torch.tensor(labels), torch.tensor(T)).numpy()
    for c in range(4):
        own = [v for v, y in zip(x, labels, strict=True) if y == c]
        mean = sum(own) if own else T[c]
        np.testing.assert_allclose(found[c], mean / np.linalg.norm(mean), atol=1e-12)


def test_prototypes_come_nearer_to_the_samples_they_stand_for():
    poor = ClassTable(TABLE.labels, unit_rows(TABLE.vectors) + 0.15 * rng.standard_normal(TABLE.vectors.shape))
    true = unit_rows(TABLE.vectors)
    start = (unit_rows(poor.vectors) * true).sum(axis=1).mean()
    for model in (
        POUF(scale=20.0, random_state=0, device="cpu"),
        DPA(scale=20.0, random_state=0, device="cpu", lr=0.01),
    ):
        model.fit(None, None, classes=poor, unlabelled=U)
        order = poor.rows(model.labels_)
        assert (model.prototypes_ * true[order]).sum(axis=1).mean() > start, type(model).__name__


def test_the_projection_forgets_what_all_texts_share():
    T = unit_rows(rng.standard_normal((6, 16)) + 3 * np.eye(16)[0])
    basis = telling_directions(T)
    assert basis.shape == (16, 5)
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-9)
    first = np.linalg.eigh(T.T @ T)[1][:, -1]
    np.testing.assert_allclose(basis.T @ first, 0, atol=1e-9)
    outside = np.linalg.svd(T)[2][6:]
    np.testing.assert_allclose(outside @ basis, 0, atol=1e-9)


def test_reclip_spreads_as_the_dense_inverse_does():
    k, alpha = 4, 0.9
    model = ReCLIP(k=k, alpha=alpha).fit(None, None, classes=TABLE, unlabelled=U)
    B = telling_directions(unit_rows(TABLE.vectors))
    nodes = np.concatenate([unit_rows(unit_rows(TABLE.vectors) @ B), unit_rows(unit_rows(U) @ B)])
    n, c = len(nodes), len(TABLE.labels)
    W = np.zeros((n, n))
    for i in range(n):
        for j in [j for j in np.argsort(-nodes @ nodes[i]) if j != i][:k]:
            link = (nodes[i] @ nodes[j] + 1) / 2
            W[i, j] += link / 2
            W[j, i] += link / 2
    D = np.diag(1 / np.sqrt(W.sum(axis=1)))
    spread = np.linalg.inv(np.eye(n) - alpha * D @ W @ D)[c:, :c]
    np.testing.assert_allclose(model.spread_, spread / spread.sum(axis=1, keepdims=True), atol=1e-5)


def test_reclip_answers_by_texts_and_the_centroids_of_what_was_spread():
    # A class that no image is near may have its text alone.
    lonely = unit_rows(np.random.default_rng(1).standard_normal((1, U.shape[1])))
    table = ClassTable([*TABLE.labels, "alone"], np.concatenate([TABLE.vectors, lonely]))
    model = ReCLIP(k=5, scale=10.0).fit(None, None, classes=table, unlabelled=U)
    pseudo, texts = model.spread_.argmax(axis=1), unit_rows(table.vectors)
    for x, scores in zip([*U[:4], *(U[:4] + 0.01)], model.scores(np.concatenate([U[:4], U[:4] + 0.01])), strict=True):
        x = x / np.linalg.norm(x)
        for c, text in enumerate(texts):
            own = text + sum(u / np.linalg.norm(u) for u, p in zip(U, pseudo, strict=True) if p == c)
            expected = 10 * (x @ text + x @ own / np.linalg.norm(own)) / 2
            assert scores[c] == pytest.approx(expected, abs=1e-4)
