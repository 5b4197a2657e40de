import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.devise import DeViSE

TASK = toy_zsl()
X, y = TASK.train


def test_the_first_loss_is_the_papers_sum_at_the_start():
    start = DeViSE(epochs=0, random_state=0).fit(X, y, classes=TASK.classes)
    M = start.weights_.T
    unit = lambda v: v / np.linalg.norm(v)  # noqa: E731
    total = 0
    for x, label in zip(X, y, strict=True):
        own = unit(TASK.classes.select([label]).vectors[0])
        for other in TASK.seen[TASK.seen != label]:
            t = unit(TASK.classes.select([other]).vectors[0])
            total += max(0, 0.1 - own @ M @ unit(x) + t @ M @ unit(x))
    # One batch that holds all samples, and no step worth the name.
    still = DeViSE(epochs=1, lr=1e-12, batch_size=len(X), random_state=0).fit(X, y, classes=TASK.classes)
    assert still.history_[0]["ranking"] == pytest.approx(total / len(X), rel=1e-5)


def test_the_length_of_samples_and_words_means_nothing():
    model = DeViSE(epochs=3, random_state=0).fit(X, y, classes=TASK.classes)
    np.testing.assert_allclose(model.scores(5 * X), model.scores(X))


def test_one_seen_class_is_refused():
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        DeViSE().fit(X[y == y[0]], y[y == y[0]], classes=TASK.classes)
