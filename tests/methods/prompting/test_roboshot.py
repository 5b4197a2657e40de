import json

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


class Words:
    """A text tower that tells the words of a sentence."""

    name = fingerprint = text_fingerprint = "words"
    WORDS = ("cat", "dog", "land", "water", "fur", "scales")

    def encode_text(self, texts):
        return np.array([[text.split().count(word) for word in self.WORDS] + [0.1] for text in texts], float)


def test_insights_of_a_file_do_what_the_same_pairs_do_as_parameters(tmp_path):
    path, encoder = tmp_path / "i.json", Words()
    told = {"harmful": [["on land", "in water"]], "helpful": [["with fur", "with scales"]]}
    path.write_text(json.dumps(told))
    table = RoboShot().describe(["cat", "dog"], encoder, descriptions=path)
    images = np.random.default_rng(0).normal(size=(5, 7))
    read = RoboShot().fit(None, None, classes=table)
    pairs = {kind: [unit_rows(encoder.encode_text(pair)) for pair in of] for kind, of in told.items()}
    given = RoboShot(**pairs).fit(None, None, classes=ClassTable(table.labels, table.vectors))
    np.testing.assert_allclose(read.scores(images), given.scores(images), atol=1e-9)
    assert abs(read.cleaned(images) @ (encoder.encode_text(["land"]) - encoder.encode_text(["water"]))[0]).max() < 1e-9
    assert (read.harmful_.shape, read.helpful_.shape) == ((1, 7), (1, 7))
    restricted = read.with_candidates(["dog"])
    np.testing.assert_allclose(restricted.scores(images), read.scores(images)[:, 1:], atol=1e-9)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"cat": ["fur"]}, "holds the keys cat; expected"),
        ({}, "expected"),
        ([], "expected"),
        ({"harmful": ["land"]}, "'harmful' holds 'land'"),
        ({"harmful": [["land", " land"]]}, "two texts that differ"),
        ({"harmful": [["land", 3]]}, "expected"),
        ({"harmful": "land"}, "expected"),
        ({"harmful": []}, "no pair of texts"),
    ],
)
def test_what_are_no_insights_is_refused(tmp_path, told, message):
    path = tmp_path / "i.json"
    path.write_text(json.dumps(told))
    with pytest.raises(InputError, match=message):
        RoboShot().describe(["cat", "dog"], Words(), descriptions=path)


def test_without_insights_it_says_where_to_get_them_and_so_many_are_told_to_be_too_many():
    with pytest.raises(InputError, match="zorse describe --style roboshot"):
        RoboShot().describe(["cat", "dog"], Words())
    with pytest.warns(UserWarning, match="2 harmful insights may take most of the 7 directions"):
        RoboShot().describe(["cat", "dog"], Words(), descriptions={"harmful": [["land", "water"], ["fur", "scales"]]})
