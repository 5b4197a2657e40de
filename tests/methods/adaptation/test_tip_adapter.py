import numpy as np
import pytest

from zorse.core import seeded
from zorse.data import toy_zsl
from zorse.methods.adaptation.clip_adapter import CLIPAdapter
from zorse.methods.adaptation.linear_probe import LinearProbe
from zorse.methods.adaptation.tip_adapter import TipAdapter
from zorse.methods.pretraining.clip import CLIP
from zorse.nn.vectors import unit_rows
from zorse.templates.feature_adapter import folds

TASK = toy_zsl(aligned=True)
SHOTS, TABLE, NEW = TASK.train, TASK.classes, TASK.X[TASK.test_unseen_index]


def unit(v):
    return v / np.sqrt(v @ v)


def test_the_cache_shot_by_shot():
    model = TipAdapter(alpha=2.0, beta=3.0).fit(*SHOTS, classes=TABLE)
    scores = model.scores(NEW)
    for i, x in enumerate(NEW):
        for j, label in enumerate(TABLE.labels):
            found = sum(np.exp(-3 * (1 - unit(x) @ unit(f))) for f, y in zip(*SHOTS, strict=True) if y == label)
            assert scores[i, j] == pytest.approx(100 * unit(x) @ unit(TABLE.vectors[j]) + 2 * found, abs=1e-6)


def test_no_training_leaves_the_keys_and_training_lowers_the_loss():
    def loss(epochs):
        model = TipAdapter(alpha=1.0, beta=5.5, fine_tuned=True, epochs=epochs, scale=5.0, random_state=0, device="cpu")
        p = model.fit(*SHOTS, classes=TABLE.select(TASK.seen)).predict_proba(SHOTS[0])
        return -np.log(p[np.arange(len(p)), model.candidates_.rows(SHOTS[1])]).mean(), model.state_["keys"]

    before, keys = loss(0)
    np.testing.assert_allclose(keys, unit_rows(SHOTS[0]), atol=1e-6)
    assert loss(20)[0] < before


def test_an_adapter_that_is_not_mixed_in_is_clip():
    model = CLIPAdapter(ratio=0.0, epochs=1, device="cpu", random_state=0).fit(*SHOTS, classes=TABLE)
    np.testing.assert_allclose(model.scores(NEW), CLIP().fit(None, None, classes=TABLE).scores(NEW))


def test_the_adapter_is_two_layers_and_a_blend():
    model = CLIPAdapter(ratio=0.6, epochs=2, device="cpu", random_state=0).fit(*SHOTS, classes=TABLE)
    network = model.state_["networks"]["0_6"]
    inner, outer = network[0].weight.numpy(), network[2].weight.numpy()
    for x, scores in zip(NEW, model.scores(NEW), strict=True):
        adapted = np.maximum(outer @ np.maximum(inner @ unit(x), 0), 0)
        blend = unit(0.6 * adapted + 0.4 * unit(x))
        np.testing.assert_allclose(scores, [100 * blend @ unit(t) for t in TABLE.vectors], atol=1e-4)


def test_the_probe_is_scikit_learns_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    model = LinearProbe(C=10.0).fit(*SHOTS, classes=TABLE.select(TASK.seen))
    reference = LogisticRegression(C=10.0, tol=1e-8, max_iter=5000).fit(unit_rows(SHOTS[0]), SHOTS[1])
    at = model.candidates_.rows(reference.classes_)
    np.testing.assert_allclose(model.predict_proba(NEW)[:, at], reference.predict_proba(unit_rows(NEW)), atol=1e-3)


def test_without_texts_a_class_with_shots_comes_first():
    assert set(LinearProbe(C=1.0).fit(*SHOTS, classes=TABLE).predict(NEW)) <= set(TASK.seen)


def test_folds_part_every_class_and_spare_the_only_shot():
    import torch

    y = np.repeat(np.arange(4), (1, 2, 5, 8))
    fold = folds(y, 4, torch.Generator().manual_seed(0))
    assert fold[y == 0] == [-1]
    assert sorted(fold[y == 1]) == [0, 1]
    assert sorted(fold[y == 3]) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_setting_is_the_one_that_finds_most_held_out_shots():
    table, (X, y) = TABLE.select(TASK.seen), SHOTS
    model = TipAdapter(random_state=0, n_folds=3).fit(X, y, classes=table)
    with seeded(0) as generator:
        fold = folds(np.unique(y, return_inverse=True)[1], 3, generator)
    hits = {}
    for alpha in (1.0, 0.1, 0.3, 3.0, 10.0, 30.0):
        for beta in (5.5, 1.0, 2.0, 10.0, 20.0):
            parts = [(X[fold != k], y[fold != k], X[fold == k], y[fold == k]) for k in range(3)]
            fits = [(TipAdapter(alpha, beta).fit(a, b, classes=table), c, d) for a, b, c, d in parts]
            hits[alpha, beta] = sum((m.predict(c) == d).sum() for m, c, d in fits)
    assert model.validation_ == max(hits.values()) / len(y)
    assert hits[model.setting_["alpha"], model.setting_["beta"]] == max(hits.values())
