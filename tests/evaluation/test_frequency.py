import numpy as np
import pytest

from zorse.core import InputError
from zorse.evaluation.frequency import concept_frequency, frequency_fit, singular

CAPTIONS = ["two polar bears", "a bear at the pole", "Polar ice, a BEAR", "foxes and bears", "a bus"]


def test_captions_that_hold_every_word_are_counted():
    counts = concept_frequency(["polar bear", "bear", "fox", "bus", "gnu", "polar gnu"], CAPTIONS)
    # No caption holds "gnu": alone it counts 0, beside "polar" it is passed over, as in the released search.
    assert counts == {"polar bear": 2, "bear": 4, "fox": 1, "bus": 1, "gnu": 0, "polar gnu": 2}
    assert [singular(w) for w in ("cats", "berries", "glass", "boxes", "bus", "churches")] == [
        "cat", "berry", "glass", "box", "bus", "church",
    ]  # fmt: skip


def test_an_exact_line_is_found():
    frequency = {"a": 1, "b": 10, "c": 1000, "d": 0, "e": 5}
    accuracy = {"a": 0.2, "b": 0.3, "c": 0.5, "d": 0.9}
    fit = frequency_fit(frequency, accuracy)
    assert (fit.slope, fit.intercept, fit.correlation) == pytest.approx((0.1, 0.2, 1.0))
    assert (fit.n, fit.absent) == (3, ("d",))
    np.testing.assert_allclose(fit.expected([100, 0, 1e12]), [0.4, 0.2, 1.0])


def test_the_correlation_by_its_formula():
    rng = np.random.default_rng(0)
    counts, told = rng.integers(1, 10_000, 30), rng.random(30)
    names = [str(i) for i in range(30)]
    fit = frequency_fit(dict(zip(names, counts, strict=True)), dict(zip(names, told, strict=True)))
    x, y = np.log10(counts), told
    cov = sum((a - x.mean()) * (b - y.mean()) for a, b in zip(x, y, strict=True))
    assert fit.correlation == pytest.approx(cov / np.sqrt(((x - x.mean()) ** 2).sum() * ((y - y.mean()) ** 2).sum()))


def test_too_few_points_are_refused():
    with pytest.raises(InputError, match="at least three"):
        frequency_fit({"a": 1, "b": 2, "c": 0}, {"a": 0.1, "b": 0.2, "c": 0.3})
