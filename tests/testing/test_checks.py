"""Every promise can be broken: a planted violation is caught by the check meant for it, and by few others."""

from weakref import WeakSet

import numpy as np
import pytest
import torch

from zorse.core import Paper, Traits, ZeroShotClassifier, ZeroShotTagger, read_samples
from zorse.testing import checks, contract_of

CARD = Paper("Ridge", "Nobody", "None", 2000, "https://example.org", ("ridge",))


class Ridge(ZeroShotClassifier):
    """Ridge regression from features to class vectors; keeps every promise.

    Parameters
    ----------
    alpha : float
        Weight of the penalty.
    random_state : int
        Seed.

    Attributes
    ----------
    weights_ : ndarray of shape (d, k)

    Notes
    -----
    Differs from the paper: nothing.
    Cost: O(n d^2 + d^3).

    References
    ----------
    None.
    """

    paper = CARD

    def __init__(self, alpha=1.0, random_state=0):
        self.alpha = alpha
        self.random_state = random_state

    def _fit(self, X, rows, table):
        gram = X.T @ X + self.alpha * np.eye(X.shape[1])
        self.weights_ = np.linalg.solve(gram, X.T @ table.vectors[rows])

    def _scores(self, X, table):
        return X @ self.weights_ @ table.vectors.T - (table.vectors**2).sum(axis=1) / 2


# Each violation carries its own card: inheriting from Ridge must not look like inheriting from a method.
class NoAuthors(Ridge):
    paper = Paper("Ridge", " ", "None", 2000, "https://example.org", ("ridge",))


class Undocumented(Ridge):
    """Says nothing."""


class Child(Ridge):
    pass


class ChangesItsArguments(Ridge):
    def __init__(self, alpha=1.0, random_state=0):
        self.alpha = float(alpha) + 1e-9
        self.random_state = random_state


class WritesIntoX(Ridge):
    def _fit(self, X, rows, table):
        X -= X.mean(axis=0)
        super()._fit(X, rows, table)


class SeedsTorch(Ridge):
    def _fit(self, X, rows, table):
        torch.manual_seed(0)
        super()._fit(X, rows, table)


class DrawsFromNumpy(Ridge):
    def _scores(self, X, table):
        np.random.rand()  # noqa: NPY002
        return super()._scores(X, table)


class Unseeded(Ridge):
    def _fit(self, X, rows, table):
        super()._fit(X, rows, table)
        self.weights_ = self.weights_ + 1e-9 * np.random.default_rng().normal(size=self.weights_.shape)


class ColumnsSorted(Ridge):
    def _scores(self, X, table):
        return super()._scores(X, table)[:, np.argsort(table.labels)]


class NotFinite(Ridge):
    def _scores(self, X, table):
        scores = super()._scores(X, table)
        return np.where(np.arange(scores.shape[1]) == 1, -np.inf, scores)


class FavoursTheFirstRow(Ridge):
    def _scores(self, X, table):
        return super()._scores(X, table) + 0.5 * (np.arange(table.n_classes) == 0)


class AcceptsAnyLabel(Ridge):
    def fit(self, X, y=None, classes=None, unlabelled=None):
        known = np.isin(y, classes.labels)
        return super().fit(X[known], y[known], classes, unlabelled)


class FillsInNaN(Ridge):
    def fit(self, X, y=None, classes=None, unlabelled=None):
        return super().fit(np.nan_to_num(X), y, classes, unlabelled)


class KeepsAFunction(Ridge):
    def _fit(self, X, rows, table):
        super()._fit(X, rows, table)
        self.link_ = lambda scores: scores


class ForgetsOnSaving(Ridge):
    def _fit(self, X, rows, table):
        super()._fit(X, rows, table)
        self.weights_ = torch.tensor(self.weights_, requires_grad=True)
        REMEMBERED.add(self)

    def _scores(self, X, table):
        scale = 1.0 if self in REMEMBERED else 2.0
        return scale * (X @ self.weights_.detach().numpy() @ table.vectors.T)


REMEMBERED: WeakSet = WeakSet()


class RemembersTheLastBatch(Ridge):
    def _scores(self, X, table):
        self.last_ = X
        return super()._scores(X, table)


class EditsInPlace(Ridge):
    def with_candidates(self, classes):
        return self._offer(self.candidates_.select(classes) if not hasattr(classes, "labels") else classes)


class IgnoresUnlabelled(Ridge):
    def fit(self, X, y=None, classes=None, unlabelled=None):
        return super().fit(X, y, classes)


class CentresTheBatch(Ridge):
    def _scores(self, X, table):
        return super()._scores(X - X.mean(axis=0), table)


class CentresTheCandidates(Ridge):
    def _scores(self, X, table):
        scores = super()._scores(X, table)
        return scores - scores.mean(axis=1, keepdims=True)


class SeenOnly(Ridge):
    def _scores(self, X, table):
        return np.where(np.isin(table.labels, self.seen_), super()._scores(X, table), -99.0)


class NeedsSamplesAfterAll(Ridge):
    traits = Traits(trained=False, aligned_space=True)

    def _scores(self, X, table):
        return (X + self.weights_.sum()) @ table.vectors.T


class PatchRidge(ZeroShotClassifier):
    __doc__ = Ridge.__doc__
    paper = CARD
    traits = Traits(takes="patches")

    def __init__(self, alpha=1.0, random_state=0):
        self.alpha = alpha
        self.random_state = random_state

    def _fit(self, X, rows, table):
        patches = X.reshape(-1, X.shape[-1])
        gram = patches.T @ patches + self.alpha * np.eye(X.shape[-1])
        targets = table.vectors[rows] - table.vectors[rows].mean(axis=0)
        self.weights_ = np.linalg.solve(gram, patches.T @ np.repeat(targets, X.shape[1] * X.shape[2], axis=0))

    def _scores(self, X, table):
        return (X @ self.weights_).mean(axis=(1, 2)) @ table.vectors.T

    def explain(self, X, labels=None):
        X = read_samples(self, X)
        rows = self.scores(X).argmax(axis=1) if labels is None else self.candidates_.rows(np.atleast_1d(labels))
        maps = np.einsum(
            "nhwk,nk->nhw", X @ self.weights_, np.broadcast_to(self.candidates_.vectors[rows], (len(X), 6))
        )
        maps = np.exp(9 * maps)
        return maps / maps.sum(axis=(1, 2), keepdims=True)


class TakesFeaturesToo(PatchRidge):
    def fit(self, X, y=None, classes=None, unlabelled=None):
        return super().fit(X if np.ndim(X) == 4 else np.reshape(X, (len(X), 1, -1, 16)), y, classes)


class LooksAway(PatchRidge):
    def explain(self, X, labels=None):
        maps = 1 - super().explain(X, labels)
        return maps / maps.sum(axis=(1, 2), keepdims=True)


class ExplainsAnotherLabel(PatchRidge):
    def explain(self, X, labels=None):
        return super().explain(X, None)


class TagRidge(ZeroShotTagger):
    __doc__ = Ridge.__doc__
    paper = CARD

    def __init__(self, alpha=1.0, random_state=0):
        self.alpha = alpha
        self.random_state = random_state

    def _fit(self, X, Y, table):
        gram = X.T @ X + self.alpha * np.eye(X.shape[1])
        Y = Y - Y.mean(axis=0)
        self.weights_ = np.linalg.solve(gram, X.T @ Y @ np.linalg.pinv(table.vectors.T))

    def _scores(self, X, table):
        return X @ self.weights_ @ table.vectors.T


class TagsReversed(TagRidge):
    def _scores(self, X, table):
        return super()._scores(X, table)[:, ::-1]


class GivesEveryTag(TagRidge):
    def predict(self, X, threshold=None):
        return np.ones((len(X), len(self.classes_)), dtype=bool)


class UnseenTagsAreAbsent(TagRidge):
    def fit(self, X, Y, classes):
        Y = self._indicator(Y, classes).astype(float)
        self.seen_ = classes.labels
        self.n_features_in_, self.threshold_ = X.shape[1], 0.0
        self._fit(read_samples(self, X), Y, classes)
        return self._offer(classes)


class UnseenTagsBackwards(TagRidge):
    def _scores(self, X, table):
        scores = super()._scores(X, table)
        return np.where(np.isin(table.labels, self.seen_), scores, -scores)


VIOLATIONS = {
    TakesFeaturesToo: "check_other_shapes_than_grids_are_refused",
    LooksAway: "check_explains_where_it_looks",
    ExplainsAnotherLabel: "check_explains_where_it_looks",
    TagsReversed: "check_tags_follow_classes",
    GivesEveryTag: "check_tags_follow_classes",
    UnseenTagsAreAbsent: "check_unseen_tags_are_unknown_not_absent",
    UnseenTagsBackwards: "check_beats_chance_on_unseen_tags",
    NoAuthors: "check_paper_card",
    Undocumented: "check_docstring",
    Child: "check_is_not_another_methods_child",
    ChangesItsArguments: "check_constructor_is_the_configuration",
    WritesIntoX: "check_fit_leaves_inputs_alone",
    SeedsTorch: "check_global_random_state_is_left_alone",
    DrawsFromNumpy: "check_global_random_state_is_left_alone",
    Unseeded: "check_same_seed_same_scores",
    ColumnsSorted: "check_columns_follow_classes",
    NotFinite: "check_columns_follow_classes",
    FavoursTheFirstRow: "check_permuting_the_table_permutes_columns",
    AcceptsAnyLabel: "check_unknown_label_is_named",
    FillsInNaN: "check_values_that_are_not_finite_are_located",
    KeepsAFunction: "check_saving_keeps_scores",
    ForgetsOnSaving: "check_saving_keeps_scores",
    RemembersTheLastBatch: "check_predicting_changes_nothing",
    EditsInPlace: "check_with_candidates_leaves_the_model_alone",
    IgnoresUnlabelled: "check_unlabelled_samples_are_asked_for_or_refused",
    CentresTheBatch: "check_samples_are_scored_independently",
    CentresTheCandidates: "check_restricting_candidates_slices_scores",
    SeenOnly: "check_beats_chance_on_unseen_classes",
    NeedsSamplesAfterAll: "check_descriptions_are_enough",
}
# Lives in this file, which is longer than a method's may be, and is a child of Ridge by construction.
BY_CONSTRUCTION = {"check_module_is_short", "check_is_not_another_methods_child", "check_docstring"}


def broken(cls) -> set[str]:
    """Names of the checks that ``cls`` fails; those after the fit use a fresh fit, which mutants may not survive."""
    model, failed = cls(), set()
    for check in contract_of(model):
        checks._fits.clear()
        try:
            check(model)
        except Exception:
            failed.add(check.__name__)
    return failed


@pytest.mark.parametrize("honest", [Ridge, PatchRidge, TagRidge])
def test_the_honest_method_keeps_every_promise(honest):
    assert broken(honest) <= {"check_module_is_short"}


@pytest.mark.parametrize(("cls", "check"), VIOLATIONS.items(), ids=lambda v: getattr(v, "__name__", v))
def test_a_planted_violation_is_caught_by_its_check(cls, check):
    assert check in broken(cls)


def test_a_planted_violation_is_not_caught_by_everything():
    for cls in (WritesIntoX, SeedsTorch, Unseeded, EditsInPlace, CentresTheCandidates):
        assert len(broken(cls) - BY_CONSTRUCTION) <= 3, (cls, broken(cls))


def test_a_module_that_is_too_long_is_caught(tmp_path, monkeypatch):
    path = tmp_path / "long.py"
    path.write_text("\n" * 300)
    monkeypatch.setattr(checks.inspect, "getfile", lambda cls: str(path))
    with pytest.raises(AssertionError, match="lines"):
        checks.check_module_is_short(Ridge())


def test_every_check_has_a_violation():
    offered = {check.__name__ for cls in VIOLATIONS for check in contract_of(cls())}
    assert offered - set(VIOLATIONS.values()) == {"check_module_is_short"}
