"""CLIP2CLIP against four cosines added up, and a mix that can be known beforehand."""

import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.methods.compatibility.clip2clip import CLIP2CLIP


def cos(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) if a.any() and b.any() else 0.0


def test_scores_are_four_cosines_mixed():
    rng = np.random.default_rng(0)
    X, V = rng.normal(size=(30, 10)), rng.normal(size=(4, 10))
    X[0, 5:] = 0  # no question
    V[1, :5] = 0  # no picture
    model = CLIP2CLIP(epochs=2, random_state=0).fit(X, np.arange(30) % 4, classes=ClassTable(np.arange(4), V))
    w, both = model.weights_, (slice(0, 5), slice(5, 10))

    def mixed(x, v):
        return sum(w[a, b] * cos(x[both[a]], v[both[b]]) for a in (0, 1) for b in (0, 1)) / 0.01

    expected = [[mixed(x, v) for v in V] for x in X]
    np.testing.assert_allclose(model.scores(X), expected, rtol=1e-6)


def test_without_training_the_four_count_the_same():
    rng = np.random.default_rng(0)
    table = ClassTable(np.arange(3), rng.normal(size=(3, 6)))
    model = CLIP2CLIP(epochs=0).fit(rng.normal(size=(9, 6)), np.arange(9) % 3, classes=table)
    np.testing.assert_array_equal(model.weights_, np.full((2, 2), 0.25))


def test_it_learns_which_cosines_tell_entities_apart():
    """Images look like the entity's picture; questions and names are noise, before and after."""
    rng = np.random.default_rng(0)
    V = rng.normal(size=(40, 16))
    y = np.repeat(np.arange(40), 6)
    X = np.hstack([V[y, :8] + 0.8 * rng.normal(size=(240, 8)), rng.normal(size=(240, 8))])
    table, train = ClassTable(np.arange(40), V), y < 20
    model = CLIP2CLIP(epochs=60, random_state=0).fit(X[train], y[train], classes=table)
    w = model.weights_
    assert w[0, 0] > 3 * np.abs(w.ravel()[1:]).max()
    equal = CLIP2CLIP(epochs=0).fit(X[train], y[train], classes=table)
    unseen = np.arange(20, 40)
    ours, before = (m.with_candidates(unseen).score(X[~train], y[~train]) for m in (model, equal))
    assert ours > before + 0.1


def test_a_temperature_of_nothing_is_refused():
    with pytest.raises(InputError, match="temperature"):
        CLIP2CLIP(temperature=0).fit(np.eye(4), [0, 1, 0, 1])
