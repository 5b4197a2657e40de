"""The open-domain entity protocol, by hand."""

import numpy as np
import pytest

from zorse.core import InputError
from zorse.evaluation import EntityReport, evaluate_entities


def test_every_part_counts_its_own_samples():
    truth = ["Q1", "Q1", "Q2", "Q3", "Q1", "Q3", "Q3", "Q3"]
    answers = ["Q1", "Q2", "Q2", "Q9", "Q1", "Q3", "Q1", "Q1"]
    split = ["entity"] * 4 + ["query"] * 4
    report = evaluate_entities(truth, answers, split, seen=["Q1", "Q2"])
    assert report == EntityReport(2 / 3, 0.0, 1.0, 1 / 3)
    assert report.entity == 0
    assert report.query == pytest.approx(2 / (1 / 1 + 3))
    assert report.overall == 0


def test_the_mean_of_means_is_harmonic_twice():
    report = EntityReport(0.5, 0.25, 0.2, 0.2)
    entity = 2 / (1 / 0.5 + 1 / 0.25)
    assert report.overall == pytest.approx(2 / (1 / entity + 1 / 0.2))


def test_a_missing_part_is_not_counted_as_zero():
    report = evaluate_entities(["Q1"], ["Q1"], ["entity"], seen=["Q1"])
    assert report.entity_seen == 1
    assert np.isnan(report.entity)
    assert np.isnan(report.overall)


def test_what_is_wrong_is_said():
    with pytest.raises(InputError, match="got human"):
        evaluate_entities(["Q1"], ["Q1"], ["human"], seen=[])
    with pytest.raises(InputError, match="a sample"):
        evaluate_entities(["Q1"], ["Q1", "Q2"], ["entity"], seen=[])
