import numpy as np
import pytest

from zorse.core import CapabilityError, ClassTable, InputError
from zorse.data import toy_zsl
from zorse.evaluation import evaluate, harmonic_mean
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.methods.gating.calibrated_stacking import CalibratedStacking, best_penalty
from zorse.training.validation import seen_unseen_curve

TASK = toy_zsl(n_seen=12, n_unseen=6, n_per_class=20)
X, y = TASK.train


def stacked(gamma, **params):
    return CalibratedStacking(ESZSL(), gamma, **params).fit(X, y, classes=TASK.classes)


def test_only_seen_columns_pay():
    plain, seen = ESZSL().fit(X, y, classes=TASK.classes), np.isin(TASK.classes.labels, TASK.seen)
    np.testing.assert_allclose(stacked(0.3).scores(TASK.X), plain.scores(TASK.X) - 0.3 * seen)


def test_the_ends_are_the_two_separate_problems():
    plain = ESZSL().fit(X, y, classes=TASK.classes)
    everything = TASK.X
    np.testing.assert_array_equal(
        stacked(1e6).predict(everything), plain.with_candidates(TASK.unseen).predict(everything)
    )
    np.testing.assert_array_equal(
        stacked(-1e6).predict(everything), plain.with_candidates(TASK.seen).predict(everything)
    )


def test_among_unseen_candidates_gamma_means_nothing():
    np.testing.assert_array_equal(
        stacked(0.3).with_candidates(TASK.unseen).scores(TASK.X),
        stacked(0.0).with_candidates(TASK.unseen).scores(TASK.X),
    )


class Biased(ESZSL):
    """ESZSL that gives every seen class three more than it earned."""

    def _scores(self, X, table):
        return super()._scores(X, table) + 3 * np.isin(table.labels, self.seen_)


def test_a_bias_towards_seen_classes_is_found_and_taken_back():
    fair = CalibratedStacking(ESZSL(), random_state=0).fit(X, y, classes=TASK.classes)
    biased = CalibratedStacking(Biased(), random_state=0).fit(X, y, classes=TASK.classes)
    assert biased.gamma_ == pytest.approx(fair.gamma_ + 3)
    assert evaluate(biased, TASK).as_dict() == pytest.approx(evaluate(fair, TASK).as_dict())
    assert evaluate(Biased().fit(X, y, classes=TASK.classes), TASK).harmonic == 0


def test_the_area_under_the_curve_is_blind_to_gamma():
    assert evaluate(stacked(0.4), TASK).ausuc == pytest.approx(evaluate(stacked(0.0), TASK).ausuc)


def test_auto_never_looks_at_unseen_vectors():
    hidden = np.isin(TASK.classes.labels, TASK.unseen)[:, None]
    other = ClassTable(TASK.classes.labels, np.where(hidden, 5.0, TASK.classes.vectors))
    again = CalibratedStacking(ESZSL(), random_state=0).fit(X, y, classes=other)
    assert again.gamma_ == stacked("auto", random_state=0).gamma_


@pytest.mark.parametrize("seed", range(3))
def test_best_penalty_beats_a_fine_grid(seed):
    rng = np.random.RandomState(seed)
    curves = []
    for _ in range(3):
        rows = rng.permutation(np.repeat(np.arange(6), 7))
        scores = rng.randn(42, 6) + 1.5 * np.eye(6)[rows]
        curves.append(seen_unseen_curve(scores, rows, np.arange(6) < 4))

    def mean_harmonic(gamma):
        return np.mean([harmonic_mean(*map(float, curve.at(gamma))) for curve in curves])

    grid = max(mean_harmonic(gamma) for gamma in np.linspace(-8, 8, 4001))
    assert mean_harmonic(best_penalty(curves)) >= grid - 1e-12
    assert grid > 0


def test_what_cannot_be_wrapped_or_chosen_is_refused():
    with pytest.raises(CapabilityError, match="wraps a zero-shot classifier; got estimator=None"):
        CalibratedStacking().fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match=f"got {y[0]} alone"):
        CalibratedStacking(ESZSL()).fit(X[y == y[0]], y[y == y[0]], classes=TASK.classes)


def test_recalibrating_undoes_any_bias_without_a_label():
    everything = np.concatenate([TASK.test_seen[0], TASK.test_unseen[0]])
    plain = CalibratedStacking(ESZSL(), 0.0).fit(X, y, classes=TASK.classes)
    biased = CalibratedStacking(Biased(), 0.7).fit(X, y, classes=TASK.classes)
    ours, theirs = (model.recalibrated(everything) for model in (plain, biased))
    assert theirs.gamma_ == pytest.approx(ours.gamma_ + 3)
    np.testing.assert_array_equal(ours.predict(everything), theirs.predict(everything))
    assert (plain.gamma_, biased.gamma_) == (0, 0.7)  # they stay as they are
    assert evaluate(theirs, TASK).harmonic > evaluate(biased, TASK).harmonic


def test_a_known_share_of_unseen_samples_is_kept_to():
    model = stacked(0.0).recalibrated(TASK.X, by=0.25)
    assert np.isin(model.predict(TASK.X), TASK.unseen).mean() == pytest.approx(0.25, abs=2 / len(TASK.X))


def test_a_penalty_without_labels_needs_candidates_of_both_kinds():
    with pytest.raises(InputError, match="both kinds"):
        stacked(0.0).with_candidates(TASK.unseen).recalibrated(TASK.X)
