import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.ale import ALE

TASK = toy_zsl()
X, y = TASK.train


def test_one_step_on_one_sample_is_the_papers_update():
    # With W small enough every wrong class violates at the first trial: W += lr beta_(s-1) theta (phi_y - phi_y')^T.
    task = toy_zsl(n_seen=2, n_unseen=2)  # two seen classes leave one wrong class to draw
    i = task.train_index[:1].tolist() + task.train_index[-1:].tolist()
    x, labels = task.X[i], task.y[i]
    start = ALE(epochs=0, random_state=0).fit(x, labels, classes=task.classes).weights_
    moved = ALE(epochs=1, batch_size=2, lr=1e-3, random_state=0).fit(x, labels, classes=task.classes).weights_
    phi = {label: v / np.linalg.norm(v) for label, v in zip(task.classes.labels, task.classes.vectors, strict=True)}
    step = np.zeros_like(start)
    for sample, label, other in zip(x, labels, labels[::-1], strict=True):
        step += np.outer(sample / np.linalg.norm(sample), phi[label] - phi[other]) / 2
    np.testing.assert_allclose(moved - start, 1e-3 * step, atol=1e-7)


def test_scaling_samples_or_classes_changes_nothing_where_they_are_normalised():
    few = {"epochs": 3, "random_state": 0}
    model = ALE(**few).fit(X, y, classes=TASK.classes)
    np.testing.assert_allclose(model.scores(7 * X), model.scores(X))
    raw = ALE(normalize_features=False, normalize_classes=False, **few).fit(X, y, classes=TASK.classes)
    np.testing.assert_allclose(raw.scores(X), X @ raw.weights_ @ TASK.classes.vectors.T)


@pytest.mark.parametrize("ranking", ["sampled", "exact"])
def test_training_brings_the_loss_down(ranking):
    history = ALE(ranking=ranking, epochs=30, lr=1.0, random_state=0).fit(X, y, classes=TASK.classes).history_
    assert history[-1]["ranking"] < history[0]["ranking"] / 2


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match="'warp'"):
        ALE(ranking="warp").fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        ALE().fit(X[y == y[0]], y[y == y[0]], classes=TASK.classes)
