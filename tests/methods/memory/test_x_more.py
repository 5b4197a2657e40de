import numpy as np
import pytest
from scipy.special import softmax

from zorse.core import ClassTable
from zorse.methods.memory.x_more import XMoRe, confidence
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory

RNG = np.random.default_rng(1)
W = unit_rows(RNG.normal(size=(5, 9)))
TEXTS, IMAGES, X = (unit_rows(RNG.normal(size=(n, 9))) for n in (50, 50, 20))
TABLE = ClassTable(np.arange(5), W)


def naive(x, captions):
    image = softmax(20 * x @ W.T)
    caption = np.mean([softmax(20 * W @ t) for t in captions], axis=0)
    sure = [1 - (-(p * np.log(p)).sum()) / np.log(5) for p in (image, caption)]
    return (sure[0] * image + sure[1] * caption) / sum(sure)


@pytest.mark.parametrize("told", [True, False])
def test_images_find_captions_of_which_the_distinct_ones_are_ranked_again(told):
    texts = TEXTS.copy()
    texts[1::2] = texts[::2]  # every caption stands twice
    words = [f"caption {i // 2}" for i in range(50)] if told else None
    memory = Memory(texts.astype(np.float32), IMAGES.astype(np.float32), words)
    ours = XMoRe(memory, k=8, n_captions=3, scale=20).fit(None, None, classes=TABLE).predict_proba(X)
    for x, p in zip(X, ours, strict=True):
        near = list(dict.fromkeys(i - i % 2 for i in np.argsort(-IMAGES @ x)[:8].tolist()))
        near = sorted(near, key=lambda i: -texts[i] @ x)[:3]
        np.testing.assert_allclose(p, naive(x, texts[near]), atol=1e-6)


def test_texts_alone_are_looked_up_directly():
    texts = np.concatenate([TEXTS, TEXTS])
    ours = XMoRe(texts, n_captions=4, scale=20).fit(None, None, classes=TABLE).predict_proba(X)
    for x, p in zip(X, ours, strict=True):
        np.testing.assert_allclose(p, naive(x, TEXTS[np.argsort(-TEXTS @ x)[:4]]), atol=1e-6)


def test_captions_that_disagree_weigh_less():
    # One image, half-way between two classes; its captions say one of them, or each says another.
    x, table = unit_rows(np.array([[1.0, 1.0, 0.0]])), ClassTable(np.arange(3), np.eye(3))
    agreed, split = (
        XMoRe(Memory(unit_rows(np.array(texts, dtype=np.float32))), k=2, scale=20).fit(None, None, classes=table)
        for texts in ([[1, 0.2, 0], [1, 0.1, 0]], [[1, 0, 0], [0, 1, 0]])
    )
    assert agreed.predict_proba(x)[0, 0] > 0.7
    assert split.predict_proba(x)[0, 0] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("p", "sure"), [([1.0, 0, 0], 1), ([1 / 3] * 3, 0), ([0.5, 0.5, 0], 1 - np.log(2) / np.log(3))]
)
def test_confidence_in_closed_form(p, sure):
    assert confidence(np.array([p]))[0] == pytest.approx(sure, abs=1e-12)
