import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.data import ZeroShotTask, toy_zsl

X, y = np.zeros((6, 2)), np.array([0, 0, 1, 1, 2, 2])
TABLE = ClassTable([0, 1, 2], np.eye(3))


def task(**changed):
    parts = {
        "X": X,
        "y": y,
        "classes": TABLE,
        "train_index": [0, 2],
        "test_seen_index": [1],
        "test_unseen_index": [4, 5],
    }
    return ZeroShotTask(**(parts | changed))


def test_a_good_split_is_taken():
    t = task()
    assert t.seen.tolist() == [0, 1]
    assert t.unseen.tolist() == [2]
    assert [len(p[0]) for p in (t.train, t.test_seen, t.test_unseen)] == [2, 1, 2]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_index": [0, 2, 4], "test_unseen_index": [5]}, "unseen classes occur in training: 2"),
        ({"test_seen_index": [4], "test_unseen_index": [5]}, "have no training sample: 2"),
        ({"test_seen_index": [0]}, "row 0 is in test_seen_index and in another"),
        ({"train_index": [0, 2, 2]}, "train_index holds row 2 more than once"),
        ({"train_index": [0, 6]}, "holds row 6; the task has rows 0 to 5"),
        ({"train_index": [0, -1]}, "holds row -1"),
        ({"train_index": y == 0}, "must be row numbers"),
        ({"y": np.array([0, 0, 1, 1, 2, 7])}, "not in the class table: 7"),
        ({"y": y[:5]}, r"expected X \(n, d\) and y \(n,\)"),
    ],
)
def test_a_bad_split_is_refused_by_name(changed, message):
    with pytest.raises(InputError, match=message):
        task(**changed)


def test_arrays_are_read_only_and_the_callers_own_stay_writable():
    mine = X.copy()
    t = task(X=mine)
    with pytest.raises(ValueError, match="read-only"):
        t.X[0, 0] = 1
    mine[0, 0] = 1


def test_toy_without_noise_is_linear_in_the_class_vectors():
    t = toy_zsl(noise=0)
    vectors = t.classes.vectors[t.classes.rows(t.y)]
    image = np.linalg.lstsq(vectors[t.train_index], t.X[t.train_index])[0]
    np.testing.assert_allclose(vectors[t.test_unseen_index] @ image, t.X[t.test_unseen_index], atol=1e-9)
    t = toy_zsl(noise=0, aligned=True)
    np.testing.assert_array_equal(t.X, t.classes.vectors[t.classes.rows(t.y)])


def test_toy_sizes_and_seeds():
    t = toy_zsl(n_seen=5, n_unseen=2, n_per_class=9, dim=7, n_semantics=4, random_state=3)
    assert t.X.shape == (63, 7)
    assert (len(t.seen), len(t.unseen)) == (5, 2)
    assert set(np.unique(t.y[t.test_seen_index])) == set(t.seen)
    assert np.array_equal(t.X, toy_zsl(n_seen=5, n_unseen=2, n_per_class=9, dim=7, n_semantics=4, random_state=3).X)
    assert not np.array_equal(t.X, toy_zsl(n_seen=5, n_unseen=2, n_per_class=9, dim=7, n_semantics=4, random_state=4).X)
