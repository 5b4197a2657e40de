import numpy as np
import pytest

from zorse.core import ClassTable, InputError, Paper, Traits, ZeroShotClassifier

CARD = Paper("Mean", "Nobody", "None", 2000, "https://example.org", ("mean",))


class Mean(ZeroShotClassifier):
    """Inner product of the mean patch with the class vectors."""

    paper = CARD
    traits = Traits(takes="patches", trained=False, aligned_space=True)

    def _fit(self, X, rows, table):
        self.shape_, self.dtype_ = X.shape, X.dtype

    def _scores(self, X, table):
        self.scored_ = X.dtype
        return X.mean(axis=(1, 2)) @ table.vectors.T


TABLE = ClassTable(["a", "b"], np.eye(2))
GRIDS = np.zeros((3, 2, 2, 2))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_patches_are_single_precision_all_the_way(dtype):
    model = Mean().fit(GRIDS.astype(dtype), ["a", "b", "a"], classes=TABLE)
    assert model.n_features_in_ == 2
    assert (model.shape_, model.dtype_) == ((3, 2, 2, 2), np.float32)
    assert model.scores(GRIDS.astype(dtype)).dtype == np.float64
    assert model.scored_ == np.float32


def test_single_precision_is_not_copied():
    X = GRIDS.astype(np.float32)

    class Keeps(Mean):
        def _fit(self, X, rows, table):
            self.x_ = X

    assert np.shares_memory(Keeps().fit(X, ["a", "b", "a"], classes=TABLE).x_, X)


def test_shapes_are_told():
    with pytest.raises(InputError, match=r"Mean takes grids of patches.*X has shape \(3, 2\)"):
        Mean().fit(np.zeros((3, 2)), ["a", "b", "a"], classes=TABLE)
    with pytest.raises(InputError, match="X has 5 features a patch; Mean is expecting 2"):
        Mean().fit(GRIDS, ["a", "b", "a"], classes=TABLE).predict(np.zeros((1, 2, 2, 5)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        Mean().fit(GRIDS, ["a"], classes=TABLE)
    with pytest.raises(ValueError, match="0 sample"):
        Mean().fit(GRIDS, ["a", "b", "a"], classes=TABLE).predict(GRIDS[:0])


def test_a_bad_value_is_told_by_sample_place_and_feature():
    X = GRIDS.copy()
    X[2, 0, 1, 1] = X[2, 1, 1, 1] = np.inf
    with pytest.raises(InputError, match="inf at sample 2, grid row 0, grid column 1, feature 1 and 1 more"):
        Mean().fit(X, ["a", "b", "a"], classes=TABLE)


def test_descriptions_alone_and_no_descriptions():
    model = Mean().fit(None, None, classes=TABLE)
    assert model.shape_ == (0, 1, 1, 2)
    assert model.predict(np.ones((1, 3, 3, 2)) * [0, 1]).tolist() == ["b"]
    X = np.zeros((4, 2, 2, 2)) + np.repeat(np.eye(2), 2, axis=0)[:, None, None]
    ordinary = Mean().fit(X, [7, 7, 3, 3])  # a class without a description is its mean patch
    np.testing.assert_array_equal(ordinary.candidates_.vectors, [[0, 1], [1, 0]])
    assert ordinary.score(X, [7, 7, 3, 3]) == 1
