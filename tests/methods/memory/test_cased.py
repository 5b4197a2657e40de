import numpy as np
import pytest
from scipy.special import softmax

from zorse.core import CapabilityError, ClassTable, InputError
from zorse.methods.memory.cased import CaSED
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory

CAPTIONS = ["a red rose", "red roses in a garden", "the green garden", "a photo of blue water", "blue skies"]


def test_a_name_comes_from_the_captions(colours):
    memory = Memory(colours.encode_text(CAPTIONS), texts=CAPTIONS, text_fingerprint="colours-text")
    x = colours.encode_text(["red", "blue"]).astype(float)
    red, blue = CaSED(memory, k=2, scale=20.0).name(x, colours)
    assert {word for word, _ in red} == {"red", "rose"}
    assert (red[0][0], blue[0][0]) == ("red", "blue")
    # The first answer, from the formula: both words occur in both captions.
    t = unit_rows(memory.text_vectors[:2].astype(float).mean(axis=0)[None])[0]
    W = colours.encode_text(["red", "rose"]).astype(float)
    p = 0.7 * softmax(20 * W @ x[0]) + 0.3 * softmax(20 * W @ t)
    np.testing.assert_allclose([dict(red)[word] for word in ("red", "rose")], p, atol=1e-6)
    assert CaSED(memory, k=2).name(x[:1], colours, known={"garden"})[0] == [("garden", 1.0)]
    assert CaSED(memory, k=2).name(x[:1], colours, known=set())[0][0][0] == "object"


def test_given_candidates_are_scored_by_image_and_captions():
    rng = np.random.default_rng(0)
    W, texts, X = (unit_rows(rng.normal(size=(n, 6))) for n in (4, 30, 10))
    ours = CaSED(texts, k=3, alpha=0.6, scale=5.0).fit(None, None, classes=ClassTable(np.arange(4), W))
    for x, p in zip(X, ours.predict_proba(X), strict=True):
        t = unit_rows(texts[np.argsort(-texts @ x)[:3]].mean(axis=0)[None])[0]
        np.testing.assert_allclose(p, 0.6 * softmax(5 * W @ x) + 0.4 * softmax(5 * W @ t), atol=1e-6)


def test_what_naming_lacks_is_told(colours):
    with pytest.raises(CapabilityError, match="memory of captions"):
        CaSED().name(np.eye(3), colours)
    other = Memory(np.eye(3, dtype=np.float32), texts=["a", "b", "c"], model="other", text_fingerprint="x")
    with pytest.raises(InputError, match="other"):
        CaSED(other).name(np.eye(3), colours)
