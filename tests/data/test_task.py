import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.data import TagTask, ZeroShotTask, toy_patches, toy_tags, toy_zsl

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
        ({"y": y[:5]}, r"and y \(n,\); got \(6, 2\) and \(5,\)"),
        ({"X": X[:, None]}, r"expected X \(n, d\) or \(n, gh, gw, d\).*got \(6, 1, 2\)"),
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


def test_a_tag_task_hides_the_unseen_tags_of_training_samples():
    Y = np.eye(3, dtype=bool)[y] | np.eye(3, dtype=bool)[2]
    t = TagTask(X, Y, TABLE, np.array([0, 1]), np.array([0, 2]), np.array([4, 5]))
    assert t.unseen.tolist() == [2]
    assert t.train[1].tolist() == [[True, False, False], [False, True, False]]
    assert t.test[1].tolist() == [[False, False, True]] * 2
    assert not t.Y.flags.writeable


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"Y": np.ones((6, 2), dtype=bool)}, r"Y \(n, 3\) of bool; got \(6, 2\), and \(6, 2\) of bool"),
        ({"Y": np.ones((6, 3))}, "of float64"),
        ({"seen": np.array([0, 9])}, "not in the class table: 9"),
        ({"test_index": np.array([2, 4])}, "row 2 is in train_index and in test_index"),
        ({"train_index": np.array([0, 6])}, "holds row 6; the task has rows 0 to 5"),
    ],
)
def test_a_bad_tag_task_is_refused_by_name(changed, message):
    parts = {"Y": np.ones((6, 3), dtype=bool), "seen": np.array([0, 1])}
    parts |= {"train_index": np.array([0, 2]), "test_index": np.array([4])}
    with pytest.raises(InputError, match=message):
        TagTask(**({"X": X, "classes": TABLE} | parts | changed))


@pytest.mark.parametrize("make", [toy_patches, toy_tags])
def test_patches_of_a_toy_show_what_evidence_says(make):
    t, evidence = make(noise=0.05, aligned=True, random_state=3)
    n, gh, gw, _ = t.X.shape
    assert evidence.shape == (n, gh, gw)
    assert t.X.dtype == np.float32
    nearest = np.einsum("nhwd,cd->nhwc", t.X, t.classes.vectors).argmax(-1)
    shown = evidence >= 0
    assert (nearest[shown] == evidence[shown]).mean() > 0.95
    for i in range(n):
        rows = np.flatnonzero(t.Y[i]) if make is toy_tags else t.classes.rows(t.y[i : i + 1])
        assert set(evidence[i][shown[i]]) == set(rows)
