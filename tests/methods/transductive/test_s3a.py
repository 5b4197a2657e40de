from itertools import permutations

import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.methods.transductive.s3a import S3A, realigned


def test_clusters_get_the_words_with_the_largest_sum_of_votes_and_samples_the_nearest_of_those():
    rng = np.random.default_rng(0)
    for _ in range(20):
        similarity, clusters = rng.normal(size=(40, 6)), rng.integers(0, 4, 40)
        votes = np.zeros((4, 6))
        for i in range(40):
            votes[clusters[i], np.argmax(similarity[i])] += 1 / np.sum(clusters == clusters[i])
        best = max(permutations(range(6), 4), key=lambda words: sum(votes[k, w] for k, w in enumerate(words)))
        value = sum(votes[k, w] for k, w in enumerate(best))
        got = realigned(similarity, clusters)
        words = np.unique(got)
        # Other assignments may be as good, so the sum is compared; no sample has a nearer word among those assigned.
        reached = max(sum(votes[k, w] for k, w in enumerate(p)) for p in permutations(words))
        assert len(words) == 4
        assert reached == pytest.approx(value)
        np.testing.assert_array_equal(got, words[np.argmax(similarity[:, words], axis=1)])


def world(seed=0, n_words=60, n_true=6, spread=0.35):
    rng = np.random.default_rng(seed)
    words = rng.normal(size=(n_words, 24))
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    y = np.repeat(np.arange(n_true), 40)
    return words[y] + spread * rng.normal(size=(len(y), 24)), y, ClassTable(np.arange(n_words), words)


def test_the_vote_leaves_out_words_that_the_images_do_not_need():
    X, y, table = world()
    model = S3A(n_clusters=6, epochs=0, random_state=0).fit(None, None, classes=table, unlabelled=X)
    plain = np.mean(table.labels[np.argmax(X @ table.vectors.T, axis=1)] == y)
    assert len(model.words_) <= 6
    assert np.mean(model.structural_ == y) > plain + 0.1


def test_the_student_moves_towards_the_structure_and_names_are_still_open():
    X, y, table = world()
    fits = [S3A(n_clusters=6, epochs=e, random_state=0).fit(None, None, classes=table, unlabelled=X) for e in (0, 20)]
    before, after = (np.mean(m.predict(X) == y) for m in fits)
    assert after > before
    assert set(fits[1].with_candidates(np.array([50, 51])).predict(X[:5])) <= {50, 51}


def test_a_threshold_above_one_is_refused():
    X, _, table = world()
    with pytest.raises(InputError, match="threshold"):
        S3A(threshold=1.5).fit(None, None, classes=table, unlabelled=X)
