"""Verification against every threshold tried in turn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from zorse.core import InputError
from zorse.evaluation import best_threshold, deal_pairs, verify


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    same = rng.random(200) < 0.5
    return np.round(rng.normal(same, 1.0), 1), same  # rounded: ties


def accuracy(similarities, same, threshold):
    return np.mean([(s >= threshold) == t for s, t in zip(similarities, same, strict=True)])


def test_the_best_threshold_is_the_best_of_all(pairs):
    similarities, same = pairs
    tried = [accuracy(similarities, same, t) for t in [*similarities, similarities.max() + 1]]
    assert accuracy(similarities, same, best_threshold(similarities, same)) == max(tried)


@pytest.mark.parametrize("same", [[True, True], [False, False]])
def test_the_best_threshold_may_accept_all_or_none(same):
    threshold = best_threshold(np.array([0.1, 0.2]), np.array(same))
    assert accuracy([0.1, 0.2], same, threshold) == 1


def test_folds_are_judged_by_the_others(pairs):
    similarities, same = pairs
    report = verify(similarities, same, folds=4)
    each = []
    for i in range(4):
        test = np.arange(200) // 50 == i
        threshold = best_threshold(similarities[~test], same[~test])
        assert report.thresholds[i] == threshold
        each.append(accuracy(similarities[test], same[test], threshold))
    assert report.accuracy == pytest.approx(np.mean(each))
    assert report.deviation == pytest.approx(np.std(each))
    again = verify(similarities, same, folds=np.arange(200) // 50)
    assert again.accuracy == report.accuracy


def test_the_curve_is_that_of_every_threshold(pairs):
    similarities, same = pairs
    report = verify(similarities, same)
    assert report.auc == pytest.approx(roc_auc_score(same, similarities))
    thresholds = [*np.unique(similarities), np.inf]
    for far in (0.0, 0.01, 0.1, 0.5, 1.0):
        allowed = [t for t in thresholds if np.mean(similarities[~same] >= t) <= far]
        assert report.tar_at(far) == max(np.mean(similarities[same] >= t) for t in allowed)


def test_equal_errors_are_equal():
    # Accepting from .5 on: one of four different pairs in, one of four same pairs out.
    report = verify([0.9, 0.8, 0.6, 0.3, 0.7, 0.2, 0.1, 0.05], [True] * 4 + [False] * 4, folds=[0, 1] * 4)
    assert report.eer == 0.25
    # The curve steps from (0, 0) past equality to (1/2, 1): 1 - tar = far at a third.
    assert verify([1, 1, 1, 0], [True, True, False, False], folds=[0, 1, 0, 1]).eer == pytest.approx(1 / 3)


def test_dealt_pairs_keep_people_in_one_fold():
    labels = np.repeat(np.arange(30), 4)
    pairs, same, fold = deal_pairs(labels, n_pairs=100, folds=5)
    people = labels[pairs]
    assert len(np.unique(np.sort(pairs, axis=1), axis=0)) == len(pairs) == 100
    np.testing.assert_array_equal(people[:, 0] == people[:, 1], same)
    for f in range(5):
        assert same[fold == f].mean() == 0.5
        assert not set(people[fold == f].ravel()) & set(people[fold != f].ravel())


def test_what_is_wrong_is_said():
    with pytest.raises(InputError, match="both kinds"):
        verify([0.1, 0.2], [True, True])
    with pytest.raises(InputError, match="pair 1 is NaN"):
        verify([0.1, np.nan], [True, False])
    with pytest.raises(InputError, match="at least two folds"):
        verify([0.1, 0.2], [True, False], folds=1)
    with pytest.raises(InputError, match="take fewer folds"):
        deal_pairs([0, 0, 1, 1, 2], folds=3)
    with pytest.raises(InputError, match="a bool a pair"):
        verify([0.1, 0.2], [True])
