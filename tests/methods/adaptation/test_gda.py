import numpy as np
import pytest

from zorse.core import ClassTable, seeded
from zorse.data import toy_zsl
from zorse.methods.adaptation.gda import GDA
from zorse.methods.adaptation.gda_em import GDAEM
from zorse.methods.pretraining.clip import CLIP
from zorse.templates.feature_adapter import folds

rng = np.random.default_rng(0)
TEXTS = rng.standard_normal((5, 12))
ROWS = np.repeat(np.arange(4), (6, 3, 8, 2))  # class 4 has no shots
X = TEXTS[ROWS] + rng.standard_normal((len(ROWS), 12))
NEW = rng.standard_normal((7, 12))
TABLE = ClassTable(np.arange(5), TEXTS)


def unit(v):
    return v / np.sqrt(v @ v)


def naive(x, W, b, alpha, texts, scale=100.0):
    return [scale * unit(x) @ unit(t) + alpha * (unit(x) @ w + v) for t, w, v in zip(texts, W, b, strict=True)]


def naive_classifier(shots, rows, n_classes, prior):
    means = [np.mean([unit(x) for x, r in zip(shots, rows, strict=True) if r == c], axis=0) for c in range(n_classes)]
    n, d = shots.shape
    S = sum(np.outer(unit(x) - means[r], unit(x) - means[r]) for x, r in zip(shots, rows, strict=True)) / (n - 1)
    P = d * np.linalg.pinv((n - 1) * S + np.trace(S) * np.eye(d))
    return [P @ m for m in means], [np.log(prior[c]) - m @ P @ m / 2 for c, m in enumerate(means)]


@pytest.mark.parametrize("prior", ["uniform", "shots"])
def test_it_is_the_papers_formula(prior):
    shares = np.full(4, 0.25) if prior == "uniform" else np.bincount(ROWS) / len(ROWS)
    W, b = naive_classifier(X, ROWS, 4, shares)
    model = GDA(alpha=0.7, prior=prior).fit(X, ROWS, classes=TABLE.select(range(4)))
    expected = [naive(x, W, b, 0.7, TEXTS[:4]) for x in NEW]
    np.testing.assert_allclose(model.scores(NEW), expected, atol=1e-6)


def test_a_class_without_shots_is_synthesised_from_its_neighbours():
    model = GDA(alpha=1.0, k=5, copies=3).fit(X, ROWS, classes=TABLE)
    w = unit(TEXTS[4])
    near = sorted((unit(x) for x in X), key=lambda x: -(x @ w))[:5]
    sample = [*near, w, w, w]
    mean = np.mean(sample, axis=0)
    S = sum(np.outer(x - w, x - w) for x in sample) / 7
    P = 12 * np.linalg.pinv(7 * S + np.trace(S) * np.eye(12))
    expected = [naive(x, [P @ mean], [np.log(0.25) - mean @ P @ mean / 2], 1.0, TEXTS[4:])[0] for x in NEW]
    np.testing.assert_allclose(model.scores(NEW)[:, 4], expected, atol=1e-6)


def test_nothing_of_it_is_clip():
    np.testing.assert_allclose(
        GDA(alpha=0.0).fit(X, ROWS, classes=TABLE).scores(NEW), CLIP().fit(None, None, classes=TABLE).scores(NEW)
    )


def test_one_shot_a_class_is_enough():
    model = GDA(random_state=0).fit(X[[0, 6, 9]], [0, 1, 2], classes=TABLE)
    assert model.validation_ is None
    assert model.setting_ == {"alpha": 1.0}
    assert np.isfinite(model.scores(NEW)).all()


def test_expectation_maximisation_step_by_step():
    U = TEXTS[np.arange(30) % 5] + 0.5 * np.random.default_rng(1).standard_normal((30, 12))
    model = GDAEM(alpha=0.5, iterations=3, scale=10.0).fit(None, None, classes=TABLE, unlabelled=U)
    scores = np.array([[10 * unit(x) @ unit(t) for t in TEXTS] for x in U])
    for _ in range(3):
        r = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        means = [sum(r[i, c] * unit(x) for i, x in enumerate(U)) / r[:, c].sum() for c in range(5)]
        S = sum(
            r[i, c] * np.outer(unit(x) - means[c], unit(x) - means[c]) for i, x in enumerate(U) for c in range(5)
        ) / (len(U) - 1)
        P = 12 * np.linalg.pinv((len(U) - 1) * S + np.trace(S) * np.eye(12))
        W, b = [P @ m for m in means], [np.log(1 / 5) - m @ P @ m / 2 for m in means]
        scores = np.array([naive(x, W, b, 0.5, TEXTS, scale=10.0) for x in U])
    np.testing.assert_allclose(model.scores(U), scores, atol=1e-6)


def test_few_shots_beat_names_where_names_are_poor():
    task = toy_zsl(aligned=True, n_seen=8, noise=0.3, random_state=3)
    bad = np.random.default_rng(0).standard_normal(task.classes.vectors.shape)
    table = ClassTable(task.classes.labels, task.classes.vectors + 0.4 * bad).select(task.seen)
    test = task.X[task.test_seen_index], task.y[task.test_seen_index]
    model = GDA(random_state=0).fit(*task.train, classes=table)
    assert model.score(*test) > CLIP().fit(None, None, classes=table).score(*test)


def test_cross_validation_is_refitting_without_each_fold():
    model = GDA(random_state=3, n_folds=3).fit(X, ROWS, classes=TABLE)
    with seeded(3) as generator:
        fold = folds(ROWS, 3, generator)
    right = {}
    for alpha in (1.0, 1e-4, 1e-3, 0.01, 0.1, 10.0, 100.0):
        right[alpha] = 0
        for k in range(3):
            own = GDA(alpha=alpha).fit(X[fold != k], ROWS[fold != k], classes=TABLE.select(range(4)))
            right[alpha] += (own.predict(X[fold == k]) == ROWS[fold == k]).sum()
    assert right[model.setting_["alpha"]] == max(right.values())
    assert model.validation_ == max(right.values()) / len(ROWS)
