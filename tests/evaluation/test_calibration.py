import numpy as np
import pytest
from scipy.special import expit, softmax

from zorse.core import InputError
from zorse.evaluation import (
    best_threshold_f1,
    conformal_sets,
    fit_sigmoid,
    fit_temperature,
    reliability,
)


def drawn(rng, n, c, spread=2.0):
    """Logits and labels drawn by their own softmax: the true temperature is 1."""
    logits = rng.normal(scale=spread, size=(n, c))
    return logits, (softmax(logits, axis=1).cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_the_temperature_that_spoiled_the_scores_is_found(temperature):
    logits, rows = drawn(np.random.default_rng(0), 20_000, 7)
    assert fit_temperature(temperature**-1 * logits, rows) == pytest.approx(1 / temperature, rel=0.05)


def test_the_error_is_the_mean_gap_counted_by_hand():
    confidence, right = [0.1, 0.15, 0.9, 0.95, 1.0], [0, 1, 1, 1, 0]
    found = reliability(confidence, right, bins=2)
    assert found.error == pytest.approx((abs(0.25 - 1) + abs(2.85 - 2)) / 5)
    assert [row[2] for row in found.rows()] == [2, 3]


def test_the_error_goes_where_the_probabilities_are_true():
    logits, rows = drawn(np.random.default_rng(1), 50_000, 5)
    errors = []
    for beta in (1.0, 4.0):
        p = softmax(beta * logits, axis=1)
        errors.append(reliability(p.max(axis=1), p.argmax(axis=1) == rows).error)
    assert errors[0] < 0.01
    assert errors[1] > 0.1


def test_the_sigmoid_that_spoiled_the_logits_is_found():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(20_000, 3))
    slope, offset = fit_sigmoid(x, rng.random(x.shape) < expit(2.5 * x - 1.5))
    assert (slope, offset) == pytest.approx((2.5, -1.5), rel=0.05)


def test_labels_of_their_own_frequency_get_offsets_of_their_own():
    rng = np.random.default_rng(4)
    odds = np.array([-4.0, -2.0, 0.0])
    x = rng.normal(size=(20_000, 3))
    present = rng.random(x.shape) < expit(1.5 * x + odds)
    slope, offset = fit_sigmoid(x, present, by_label=True)
    assert slope == pytest.approx(1.5, rel=0.1)
    np.testing.assert_allclose(offset, odds, atol=0.25)
    stated = expit(slope * x + offset)
    np.testing.assert_allclose(stated.mean(axis=0), present.mean(axis=0), atol=0.02)


def test_the_best_threshold_is_the_best_of_all_that_part_the_samples():
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 12, 60) / 12
    present = rng.random(60) < scores
    threshold, f1 = best_threshold_f1(scores, present)

    def f1_at(t):
        said = scores >= t
        return 2 * (said & present).sum() / (said.sum() + present.sum())

    assert f1 == pytest.approx(max(f1_at(t) for t in np.unique(scores)))
    assert f1_at(threshold) == pytest.approx(f1)


@pytest.mark.parametrize("kind", ["lac", "aps"])
@pytest.mark.parametrize("beta", [0.3, 1.0, 5.0])
def test_sets_miss_as_often_as_stated_however_bad_the_probabilities(kind, beta):
    rng, n, error, missed = np.random.default_rng(4), 99, 0.1, []
    for _ in range(200):
        logits, rows = drawn(rng, 2 * n, 6)
        p = softmax(beta * logits, axis=1)
        sets = conformal_sets(p[:n], rows[:n], error, kind)
        missed.append(1 - sets(p[n:])[np.arange(n), rows[n:]].mean())
    # At most the stated rate, and for LAC hardly less, as nothing is discrete; four standard errors of 200 draws.
    slack = 4 * np.std(missed) / 200**0.5
    assert np.mean(missed) <= error + slack
    if kind == "lac" and beta == 1.0:
        assert np.mean(missed) >= error - 0.02 - slack


def test_a_sample_too_small_for_the_rate_is_refused():
    p = np.full((18, 2), 0.5)
    with pytest.raises(InputError, match="at least 19 samples; got 18"):
        conformal_sets(p, np.zeros(18, int), 0.05)
    assert conformal_sets(np.full((19, 2), 0.5), np.zeros(19, int), 0.05).n == 19
    with pytest.raises(InputError, match="between 0 and 1"):
        conformal_sets(p, np.zeros(18, int), 5)
