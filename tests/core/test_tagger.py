import numpy as np
import pytest

from zorse.core import ClassTable, InputError, Paper, ZeroShotTagger, load, save


class Inner(ZeroShotTagger):
    """Inner product with the class vectors."""

    paper = Paper("Inner", "Nobody", "None", 2000, "https://example.org", ("inner",))

    def _fit(self, X, Y, table):
        self.told_ = (Y.copy(), table.labels.tolist())

    def _scores(self, X, table):
        return X @ table.vectors.T


TABLE = ClassTable(["a", "b", "c"], np.eye(3))
X = np.array([[3.0, 0, 0], [2, 2, 0], [0, 3, 1], [0, 0, 9]])
TAGS = [["a"], ["b", "a"], ["b"], []]


def test_lists_and_indicator_say_the_same():
    lists = Inner().fit(X, TAGS, TABLE)
    indicator = Inner().fit(X, np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]]), classes=TABLE)
    for model in (lists, indicator):
        assert model.told_[0].tolist() == [[True, False], [True, True], [False, True], [False, False]]
        assert model.told_[1] == model.seen_.tolist() == ["a", "b"]
        assert model.classes_.tolist() == ["a", "b", "c"]


def test_the_threshold_tells_the_training_tags_best():
    model = Inner().fit(X, TAGS, TABLE)
    seen = model.with_candidates(["a", "b"])
    assert model.threshold_ == 2.0
    assert seen.predict(X).tolist() == [[True, False], [True, True], [False, True], [False, False]]
    truth = np.array([[True, False], [True, True], [False, True], [False, False]])

    def f1(threshold):
        told = seen.predict(X, threshold)
        return 2 * (told & truth).sum() / (told.sum() + truth.sum())

    assert f1(None) == max(f1(t) for t in np.unique(seen.scores(X)))


def test_one_threshold_or_one_a_tag():
    model = Inner().fit(X, TAGS, TABLE)
    assert model.predict(X[2:3]).tolist() == [[False, True, False]]
    assert model.predict(X[2:3], 0.5).tolist() == [[False, True, True]]
    assert model.predict(X[2:3], [-1, 5, 1]).tolist() == [[True, False, True]]


def test_two_tags_keep_two_columns_and_survive_saving(tmp_path):
    model = Inner().fit(X, TAGS, TABLE).with_candidates(["c", "a"])
    assert model.decision_function(X).tolist() == [[0, 3], [0, 2], [1, 0], [9, 0]]
    save(model, tmp_path)
    again = load(tmp_path)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_what_is_wrong_with_tags_is_said():
    with pytest.raises(InputError, match="not in the class table: d"):
        Inner().fit(X, [["a"], ["d"], [], []], TABLE)
    with pytest.raises(InputError, match=r"Y \(n, 3\), a column a class; got \(4, 2\)"):
        Inner().fit(X, np.ones((4, 2)), TABLE)
    with pytest.raises(InputError, match="0 and 1"):
        Inner().fit(X, np.full((4, 3), 2), TABLE)
    with pytest.raises(InputError, match="Y has none"):
        Inner().fit(X, [[], [], [], []], TABLE)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        Inner().fit(X, TAGS[:3], TABLE)
