import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from zorse.core import InputError
from zorse.evaluation import ood_report

RNG = np.random.default_rng(0)
CASES = [
    (RNG.normal(1, 1, 50), RNG.normal(0, 1, 70)),
    (RNG.integers(0, 5, 40), RNG.integers(0, 4, 33)),  # many ties
    (np.ones(3), np.ones(4)),
]


def naive_fpr(known, other, recall):
    """The least share of others at any threshold that keeps enough of the known."""
    return min(np.mean(other >= t) for t in known if np.mean(known >= t) >= recall - 1e-12)


@pytest.mark.parametrize(("known", "other"), CASES)
def test_agrees_with_pairs_thresholds_and_scikit_learn(known, other):
    report = ood_report(known, other)
    pairs = np.mean([(a > b) + 0.5 * (a == b) for a in known for b in other])
    assert report.auroc == pytest.approx(pairs)
    truth, confidence = np.repeat([1, 0], [len(known), len(other)]), np.concatenate([known, other])
    assert report.auroc == pytest.approx(roc_auc_score(truth, confidence))
    assert report.aupr == pytest.approx(average_precision_score(truth, confidence))
    assert report.fpr95 == pytest.approx(naive_fpr(known, other, 0.95))
    assert ood_report(known, other, 0.5).fpr95 == pytest.approx(naive_fpr(known, other, 0.5))


def test_the_ends_and_what_does_not_matter():
    apart = ood_report([3.0, 4.0], [1.0, 2.0])
    assert (apart.auroc, apart.aupr, apart.fpr95) == (1, 1, 0)
    assert ood_report([1.0, 2.0], [3.0, 4.0]).auroc == 0
    known, other = CASES[0]
    assert ood_report(np.exp(known), np.exp(other)) == ood_report(known, other)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="0 known"):
        ood_report([], [1.0])
    with pytest.raises(InputError, match="NaN"):
        ood_report([np.nan], [1.0])
    with pytest.raises(InputError, match="recall"):
        ood_report([1.0], [1.0], recall=0.0)
