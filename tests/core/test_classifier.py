import numpy as np
import pytest

from zorse.core import CapabilityError, ClassTable, InputError, Paper, Traits, ZeroShotClassifier, seeded

CARD = Paper("Cosine", "Nobody", "None", 2000, "https://example.org", ("cosine",))


class Inner(ZeroShotClassifier):
    """Inner product with the class vectors."""

    paper = CARD
    traits = Traits(trained=False, aligned_space=True)

    def _fit(self, X, rows, table):
        pass

    def _scores(self, X, table):
        return X @ table.vectors.T


class Transductive(Inner):
    traits = Traits(needs_unlabelled=True)

    def _fit_transductive(self, X, rows, table, unlabelled):
        self.n_unlabelled_ = len(unlabelled)


def test_two_candidates_follow_scikit_learn():
    model = Inner().fit(None, None, classes=ClassTable(["a", "b", "c"], np.eye(3)))
    pair, X = model.with_candidates(["c", "a"]), np.array([[1.0, 0, 3], [2, 0, 1]])
    np.testing.assert_array_equal(pair.decision_function(X), [-2, 1])
    np.testing.assert_array_equal(pair.scores(X), [[3, 1], [1, 2]])
    assert pair.predict(X).tolist() == ["c", "a"]
    assert pair.predict_proba(X).shape == (2, 2)


def test_one_model_two_label_spaces():
    model = Inner().fit(None, None, classes=ClassTable(["a", "b", "c"], np.eye(3)))
    narrow = model.with_candidates(["b"])
    assert narrow.predict(np.eye(3)).tolist() == ["b"] * 3
    assert model.predict(np.eye(3)).tolist() == ["a", "b", "c"]
    fresh = model.with_candidates(ClassTable(["new"], [[0, 0, 1.0]]))
    assert fresh.scores(np.eye(3)).tolist() == [[0], [0], [1]]


def test_features_of_another_length_are_refused():
    model = Inner().fit(None, None, classes=ClassTable(["a", "b"], np.eye(2)))
    with pytest.raises(ValueError, match="2 features"):
        model.predict(np.ones((1, 3)))


def test_what_is_missing_is_said():
    with pytest.raises(CapabilityError, match="classes="):
        Inner().fit(None)
    with pytest.raises(CapabilityError, match="needs unlabelled"):
        Transductive().fit(np.eye(2), [0, 1])
    with pytest.raises(InputError, match="NaN at row 1, column 0"):
        Transductive().fit(np.eye(2), [0, 1], unlabelled=[[0, 1], [np.nan, 0]])
    assert Transductive().fit(np.eye(2), [0, 1], unlabelled=np.ones((5, 2))).n_unlabelled_ == 5


class FromDescriptions(Transductive):
    traits = Traits(trained=False, needs_unlabelled=True, aligned_space=True)


def test_descriptions_and_unlabelled_samples_can_be_all_there_is():
    table = ClassTable(["a", "b"], np.eye(2))
    assert FromDescriptions().fit(None, None, classes=table, unlabelled=np.ones((5, 2))).n_unlabelled_ == 5
    with pytest.raises(CapabilityError, match="needs unlabelled"):
        FromDescriptions().fit(None, None, classes=table)
    with pytest.raises(InputError, match="3 features, class vectors 2"):
        FromDescriptions().fit(None, None, classes=table, unlabelled=np.ones((5, 3)))
    with pytest.raises(InputError, match="NaN at row 0, column 1"):
        FromDescriptions().fit(None, None, classes=table, unlabelled=[[0, np.nan]])


def test_a_sum_that_overflows_is_not_an_infinite_value():
    model = Inner().fit(None, None, classes=ClassTable(["a", "b"], np.eye(2)))
    with np.errstate(over="ignore"):
        assert model.predict(np.full((2, 2), 1e308)).shape == (2,)


def test_seeded_restores_what_was_there():
    import torch

    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with seeded(0):
        first = torch.rand(2)
    with seeded(0) as generator:
        assert torch.equal(first, torch.rand(2))
        assert isinstance(generator, torch.Generator)
    with seeded(None):
        assert not torch.equal(first, torch.rand(2))
    assert torch.equal(torch.rand(2), expected)
