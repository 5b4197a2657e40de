import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from zorse.core import ClassTable, InputError, ZeroShotClassifier
from zorse.data import ZeroShotTask, toy_zsl
from zorse.evaluation import (
    bootstrap_interval,
    evaluate,
    mean_class_accuracy,
    mean_class_top_k,
    paired_difference,
    per_class_accuracy,
    t_interval,
    wilson_interval,
)

RNG = np.random.RandomState(0)
Y, P = RNG.randint(4, size=200), RNG.randint(4, size=200)


class Fixed(ZeroShotClassifier):
    """Scores are the first columns of X."""

    def _fit(self, X, rows, table):
        self.all_ = table

    def _scores(self, X, table):
        return X[:, self.all_.rows(table.labels)]


def test_mean_class_accuracy_is_balanced_accuracy():
    assert mean_class_accuracy(Y, P) == pytest.approx(balanced_accuracy_score(Y, P))
    assert np.mean(list(per_class_accuracy(Y, P).values())) == pytest.approx(mean_class_accuracy(Y, P))


def test_top_k_agrees_with_sklearn_on_balanced_labels():
    y, scores = np.repeat(np.arange(5), 8), RNG.randn(40, 5)
    table = ClassTable(np.arange(5), np.eye(5))
    for k in (1, 2, 4):
        assert mean_class_top_k(y, scores, table, k) == pytest.approx(top_k_accuracy_score(y, scores, k=k))
    assert mean_class_top_k(y, scores, table, 5) == 1
    with pytest.raises(InputError, match="k must be from 1 to 5"):
        mean_class_top_k(y, scores, table, 6)


def test_report_on_scores_worked_out_by_hand():
    # Columns a, b seen; c, d unseen. One sample a row.
    X = np.array(
        [
            [3, 1, 0, 0],  # a, trained on
            [1, 3, 0, 0],  # b, trained on
            [3, 1, 0, 0],  # a: right
            [0, 2, 3, 0],  # b: goes to c, margin -1
            [5, 0, 4, 0],  # c: right among unseen, else goes to a, margin 1
            [0, 0, 1, 2],  # d: right, margin -2
        ],
        dtype=float,
    )
    y = np.array(list("ababcd"))
    task = ZeroShotTask(X, y, ClassTable(list("abcd"), np.eye(4)), [0, 1], [2, 3], [4, 5])
    report = evaluate(Fixed().fit(*task.train, classes=task.classes), task)
    assert report.as_dict() == pytest.approx({"zsl": 1, "U": 0.5, "S": 0.5, "H": 0.5, "AUSUC": 0.5 * 1 + 0.5 * 0.5})


def test_report_without_seen_test_samples_has_nan_there():
    t = toy_zsl()
    X = np.eye(t.classes.n_classes)[t.classes.rows(t.y)]
    task = ZeroShotTask(X, t.y, t.classes, t.train_index, [], t.test_unseen_index)
    report = evaluate(Fixed().fit(*task.train, classes=task.classes), task)
    assert report.zsl == report.unseen == 1
    assert np.isnan([report.seen, report.ausuc, report.harmonic]).all()


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (3, 10), (50, 50), (812, 1000)])
def test_wilson_agrees_with_scipy(hits, n):
    theirs = binomtest(hits, n).proportion_ci(0.9, method="wilson")
    assert wilson_interval(hits, n, 0.9)[1:] == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    truth, covered = 0.6, 0
    rng = np.random.RandomState(1)
    y = np.repeat([0, 1], 60)
    for trial in range(200):
        predicted = np.where(rng.rand(120) < truth, y, 1 - y)
        low, high = bootstrap_interval(y, predicted, 0.9, 300, random_state=trial)[1:]
        covered += low <= truth <= high
    # 180 expected; five standard deviations of a binomial below and above
    assert 158 <= covered <= 199


def test_pairing_narrows_the_difference():
    y = np.zeros(400, dtype=int)
    theirs = (RNG.rand(400) < 0.5).astype(int)
    ours = theirs.copy()
    ours[:40] = 0
    paired = paired_difference(y, ours, theirs)
    assert paired.value == pytest.approx(mean_class_accuracy(y, ours) - mean_class_accuracy(y, theirs))
    assert 0 < paired.low < paired.value < paired.high
    alone = bootstrap_interval(y, ours), bootstrap_interval(y, theirs)
    assert paired.high - paired.low < sum(i.high - i.low for i in alone) / 2
    same = paired_difference(y, ours, ours)
    assert tuple(same) == (0, 0, 0)


def test_t_interval_agrees_with_scipy():
    from scipy.stats import ttest_1samp

    values = RNG.randn(7)
    theirs = ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values)[1:] == pytest.approx((theirs.low, theirs.high))
    assert t_interval([0.3]) == (0.3, -np.inf, np.inf)
