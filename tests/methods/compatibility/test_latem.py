import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.latem import LatEm

TASK = toy_zsl()
X, y = TASK.train
PHI = {c: v / np.linalg.norm(v) for c, v in zip(TASK.classes.labels, TASK.classes.vectors, strict=True)}


def test_one_step_is_the_papers_update_over_every_wrong_class():
    # Algorithm 1 with the expectation over the wrong class in place of the draw.
    whole = {"n_maps": 3, "batch_size": len(X), "random_state": 0}
    W = LatEm(epochs=0, **whole).fit(X, y, classes=TASK.classes).weights_
    moved = LatEm(epochs=1, lr=0.05, **whole).fit(X, y, classes=TASK.classes).weights_
    step = np.zeros_like(W)
    for x, label in zip((X - X.mean(0)) / X.std(0), y, strict=True):
        own = [x @ M @ PHI[label] for M in W]
        for other in TASK.seen[TASK.seen != label]:
            wrong = [x @ M @ PHI[other] for M in W]
            if 1 + max(wrong) > max(own):
                step[np.argmax(wrong)] -= np.outer(x, PHI[other])
                step[np.argmax(own)] += np.outer(x, PHI[label])
    step /= len(X) * (len(TASK.seen) - 1)
    np.testing.assert_allclose(moved - W, 0.05 * step, atol=1e-6)


def test_a_class_is_scored_by_its_best_map():
    model = LatEm(n_maps=4, epochs=2, random_state=0).fit(X, y, classes=TASK.classes)
    x = TASK.test_unseen[0][:5]
    standard = (x - X.mean(0)) / X.std(0)
    expected = [[max(v @ M @ PHI[c] for M in model.weights_) for c in model.classes_] for v in standard]
    np.testing.assert_allclose(model.scores(x), expected)


def test_maps_that_few_samples_use_are_pruned():
    few = {"n_maps": 8, "epochs": 10, "random_state": 0}
    model = LatEm(prune=0.3, **few).fit(X, y, classes=TASK.classes)
    assert 1 <= len(model.weights_) <= 3  # no more than three can have 0.3 of the samples each
    assert len(LatEm(prune=0.99, **few).fit(X, y, classes=TASK.classes).weights_) == 1
    assert len(LatEm(**few).fit(X, y, classes=TASK.classes).weights_) == 8


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match="n_maps must be at least 1"):
        LatEm(n_maps=0).fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match="prune must be a share"):
        LatEm(prune=1.0).fit(X, y, classes=TASK.classes)
