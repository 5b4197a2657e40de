import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.methods.prompting.roboshot import RoboShot
from zorse.nn.vectors import cosine, unit_rows

RNG = np.random.default_rng(0)
X, TABLE = RNG.normal(size=(9, 12)), ClassTable(np.arange(3), RNG.normal(size=(3, 12)))
BAD, GOOD = RNG.normal(size=(3, 2, 12)), RNG.normal(size=(2, 2, 12))


def naive(x, pairs, sign):
    """One direction after the other, to unit length after each."""
    Q, _ = np.linalg.qr((pairs[:, 0] - pairs[:, 1]).T)
    x = x / np.linalg.norm(x)
    for q in Q.T:
        x = x + sign * (x @ q) / np.linalg.norm(x) * q
        x = x / np.linalg.norm(x)
    return x


def test_steps_one_after_the_other_are_one_projection():
    model = RoboShot(BAD, GOOD).fit(None, None, classes=TABLE)
    texts = unit_rows(TABLE.vectors)
    for x, scores in zip(X, model.scores(X), strict=True):
        np.testing.assert_allclose(scores, [100 * naive(naive(x, BAD, -1), GOOD, 1) @ t for t in texts], atol=1e-6)


def test_what_is_harmful_is_gone_and_what_is_helpful_has_doubled():
    bad = RoboShot(harmful=BAD).fit(None, None, classes=TABLE)
    np.testing.assert_allclose(bad.cleaned(X) @ (BAD[:, 0] - BAD[:, 1]).T, 0, atol=1e-9)
    good = RoboShot(helpful=GOOD[:1]).fit(None, None, classes=TABLE)
    q, x = unit_rows(GOOD[:1, 0] - GOOD[:1, 1])[0], unit_rows(X)
    rest = np.linalg.norm(x - np.outer(x @ q, q), axis=1)
    np.testing.assert_allclose((good.cleaned(X) @ q) / np.sqrt(1 - (good.cleaned(X) @ q) ** 2), 2 * (x @ q) / rest)


def test_without_insights_it_is_the_cosine_and_an_insight_said_twice_counts_once():
    np.testing.assert_allclose(
        RoboShot().fit(None, None, classes=TABLE).scores(X), 100 * cosine(X, TABLE.vectors), atol=1e-9
    )
    twice = RoboShot(np.concatenate([BAD, BAD])).fit(None, None, classes=TABLE)
    np.testing.assert_allclose(twice.scores(X), RoboShot(BAD).fit(None, None, classes=TABLE).scores(X), atol=1e-9)


def test_insights_of_another_space_are_refused():
    with pytest.raises(InputError, match=r"\(p, 2, 12\)"):
        RoboShot(BAD[..., :5]).fit(None, None, classes=TABLE)
    with pytest.raises(InputError, match="the same"):
        RoboShot(helpful=np.ones((1, 2, 12))).fit(None, None, classes=TABLE)
