import numpy as np
import pytest
from scipy.special import softmax

from zorse.benchmark.claims.clip import compare
from zorse.core import ClassTable, InputError
from zorse.methods.pretraining.clip import CLIP


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.normal(size=(9, 7)), ClassTable([f"c{i}" for i in range(4)], rng.normal(size=(4, 7)))


def test_scores_are_scaled_cosines_one_pair_at_a_time(arrays):
    X, table = arrays
    scores = CLIP(scale=20.0).fit(None, None, classes=table).scores(X)
    for i, x in enumerate(X):
        for j, w in enumerate(table.vectors):
            cosine = sum(a * b for a, b in zip(x, w)) / (sum(a * a for a in x) * sum(b * b for b in w)) ** 0.5
            assert scores[i, j] == pytest.approx(20 * cosine, abs=1e-12)


def test_lengths_of_embeddings_do_not_matter(arrays):
    X, table = arrays
    model = CLIP().fit(None, None, classes=table)
    longer = ClassTable(table.labels, table.vectors * np.array([[0.1], [1], [5], [30]]))
    np.testing.assert_allclose(model.scores(7 * X), model.scores(X))
    np.testing.assert_allclose(model.with_candidates(longer).scores(X), model.scores(X))


def test_the_scale_moves_probabilities_and_not_the_ranking(arrays):
    X, table = arrays
    mild, sharp = (CLIP(scale=s).fit(None, None, classes=table) for s in (5.0, 100.0))
    np.testing.assert_array_equal(mild.predict(X), sharp.predict(X))
    np.testing.assert_allclose(mild.predict_proba(X), softmax(sharp.scores(X) / 20, axis=1))


def test_samples_are_not_looked_at_and_without_a_table_their_means_are_the_classes(arrays):
    X, table = arrays
    y = np.array(["c0", "c1", "c2"] * 3)
    np.testing.assert_array_equal(
        CLIP().fit(X, y, classes=table).scores(X), CLIP().fit(None, None, classes=table).scores(X)
    )
    means = ClassTable(["c0", "c1", "c2"], [X[y == c].mean(axis=0) for c in ("c0", "c1", "c2")])
    np.testing.assert_allclose(CLIP().fit(X, y).scores(X), CLIP().fit(None, None, classes=means).scores(X))


def test_class_vectors_of_another_space_are_refused(arrays):
    X, table = arrays
    other = ClassTable(table.labels, np.eye(4))
    with pytest.raises(InputError, match="7 features, class vectors 4"):
        CLIP().fit(None, None, classes=table).with_candidates(other)
    with pytest.raises(InputError, match="7 features, class vectors 4"):
        CLIP().fit(X, table.labels[np.arange(9) % 4], classes=other)


def test_agrees_with_transformers():
    agreement = compare()
    assert agreement.agrees, agreement
