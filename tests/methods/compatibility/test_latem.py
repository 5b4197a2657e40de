import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.latem import LatEm
from zorse.training import loop, running

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


def test_a_map_is_kept_by_the_share_of_samples_whose_own_class_it_serves_best_every_fifth_epoch():
    still = {"n_maps": 6, "lr": 0.0, "random_state": 0}  # maps stay where they start
    W = LatEm(epochs=0, **still).fit(X, y, classes=TASK.classes).weights_
    count = np.zeros(len(W))
    for x, label in zip((X - X.mean(0)) / X.std(0), y, strict=True):
        count[np.argmax([x @ M @ PHI[label] for M in W])] += 1
    low, high = np.sort(count / len(X))[2:4]
    assert low < high
    share = (low + high) / 2
    kept = count / len(X) >= share
    assert kept.sum() == 3
    for epochs, expected in ((4, W), (5, W[kept])):
        model = LatEm(prune=share, epochs=epochs, **still).fit(X, y, classes=TASK.classes)
        np.testing.assert_array_equal(model.weights_, expected)


def test_a_pruned_training_that_was_interrupted_ends_bit_identical(tmp_path, monkeypatch):
    def fit():
        return LatEm(n_maps=8, prune=0.15, epochs=12, lr=0.1, random_state=0).fit(X, y, classes=TASK.classes)

    whole = fit()
    assert 1 < len(whole.weights_) < 8
    write = loop.write_checkpoint

    def killed(path, turns, batches, history, *rest):
        write(path, turns, batches, history, *rest)
        if len(history) == 7:  # between two looks
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, running(checkpoint=tmp_path):
        patched.setattr(loop, "write_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            fit()
    with running(checkpoint=tmp_path):
        resumed = fit()
    np.testing.assert_array_equal(resumed.weights_, whole.weights_)
    assert resumed.history_ == whole.history_


def test_a_constant_feature_means_nothing():
    # The standard deviation of 0.1, 0.1, ... is not 0 in floating point.
    x, _ = TASK.test_unseen
    rng, few = np.random.RandomState(0), {"n_maps": 2, "epochs": 0, "random_state": 0}
    more = np.column_stack([X, np.full((len(X), 4), 0.1)])
    model = LatEm(**few).fit(more, y, classes=TASK.classes)
    scores = model.scores(np.column_stack([x, np.full((len(x), 4), 0.1)]))
    np.testing.assert_allclose(model.scores(np.column_stack([x, 0.1 + 1e-9 * rng.randn(len(x), 4)])), scores, atol=1e-6)


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match="n_maps must be at least 1"):
        LatEm(n_maps=0).fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match="prune must be a share"):
        LatEm(prune=1.0).fit(X, y, classes=TASK.classes)
