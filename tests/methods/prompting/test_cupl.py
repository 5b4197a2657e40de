import numpy as np
import pytest

from zorse.benchmark.claims.cupl import compare
from zorse.core import ClassTable, InputError, load, save
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.prompting.cupl import CuPL


def unit(v):
    return v / np.sqrt((v * v).sum())


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    prompts = tuple(rng.normal(size=(size, 6)) for size in (1, 4, 2, 7))
    return rng.normal(size=(9, 6)), ClassTable([3, 1, 2, 0], rng.normal(size=(4, 6)), prompts=prompts)


def test_a_class_is_the_unit_mean_of_its_unit_sentences(arrays):
    X, table = arrays
    model = CuPL(scale=30.0).fit(None, None, classes=table)
    scores = model.scores(X)
    for j, sentences in enumerate(table.prompts):
        w = unit(sum(unit(s) for s in sentences) / len(sentences))
        np.testing.assert_allclose(model.weights_[j], w)
        for i, x in enumerate(X):
            assert scores[i, j] == pytest.approx(30 * unit(x) @ w, abs=1e-12)


def test_mean_of_similarities_is_the_score_times_the_length_of_the_mean(arrays):
    # cos(x, w_c) |mean| = mean cos(x, p): averaging similarities ranks the same only where classes are equally spread.
    X, table = arrays
    scores = CuPL(scale=1.0).fit(None, None, classes=table).scores(X)
    for j, sentences in enumerate(table.prompts):
        units = np.array([unit(s) for s in sentences])
        similarities = [np.mean([unit(x) @ u for u in units]) for x in X]
        length = np.linalg.norm(units.mean(axis=0))
        np.testing.assert_allclose(similarities, scores[:, j] * length, atol=1e-12)


def test_class_vectors_are_clips_affair(arrays):
    X, table = arrays
    other = ClassTable(table.labels, np.roll(table.vectors, 1, axis=0), prompts=table.prompts)
    np.testing.assert_array_equal(
        CuPL().fit(None, None, classes=table).scores(X), CuPL().fit(None, None, classes=other).scores(X)
    )
    means = ClassTable(table.labels, CuPL().fit(None, None, classes=table).weights_)
    np.testing.assert_allclose(
        CLIP().fit(None, None, classes=means).scores(X), CuPL().fit(None, None, classes=table).scores(X)
    )


def test_lengths_of_sentence_embeddings_and_their_order_do_not_matter(arrays):
    X, table = arrays
    rng = np.random.default_rng(1)
    stretched = tuple(rng.permutation(p * rng.uniform(0.1, 9, size=(len(p), 1))) for p in table.prompts)
    np.testing.assert_allclose(
        CuPL().fit(None, None, classes=ClassTable(table.labels, table.vectors, prompts=stretched)).scores(X),
        CuPL().fit(None, None, classes=table).scores(X),
    )


def test_said_twice_weighs_twice(arrays):
    X, table = arrays
    doubled = ClassTable(table.labels, table.vectors, prompts=tuple(np.concatenate([p, p]) for p in table.prompts))
    np.testing.assert_allclose(
        CuPL().fit(None, None, classes=doubled).scores(X), CuPL().fit(None, None, classes=table).scores(X)
    )


def test_a_table_without_prompts_is_refused_with_what_to_do(arrays):
    _, table = arrays
    bare = ClassTable(table.labels, table.vectors)
    with pytest.raises(InputError, match=r"describe\(labels, encoder, descriptions=...\), or use CLIP"):
        CuPL().fit(None, None, classes=bare)
    with pytest.raises(InputError, match="no prompts"):
        CuPL().fit(None, None, classes=table).with_candidates(bare)


def test_without_a_table_samples_are_the_sentences(arrays):
    X, _ = arrays
    y = np.array([0, 1, 1] * 3)
    table = ClassTable([0, 1], np.zeros((2, 6)), prompts=(X[y == 0], X[y == 1]))
    np.testing.assert_allclose(CuPL().fit(X, y).scores(X), CuPL().fit(None, None, classes=table).scores(X))


def test_candidates_after_loading_find_their_sentences(arrays, tmp_path):
    X, table = arrays
    save(CuPL().fit(None, None, classes=table), tmp_path)
    np.testing.assert_array_equal(
        load(tmp_path).with_candidates([0, 3]).scores(X),
        CuPL().fit(None, None, classes=table.select([0, 3])).scores(X),
    )


def test_agrees_with_the_released_algorithm():
    agreement = compare()
    assert agreement.agrees, agreement
