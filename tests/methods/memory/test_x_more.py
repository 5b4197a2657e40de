import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable
from zorse.methods.memory.x_more import XMoRe
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory

RNG = np.random.default_rng(1)
W = unit_rows(RNG.normal(size=(5, 9)))
TEXTS, IMAGES, X = (unit_rows(RNG.normal(size=(n, 9))) for n in (50, 50, 20))
TABLE = ClassTable(np.arange(5), W)


def naive(x, captions):
    image = softmax(20 * x @ W.T)
    caption = softmax(np.mean([20 * W @ t for t in captions], axis=0))
    sure = [1 - (-(p * np.log(p)).sum()) / np.log(5) for p in (image, caption)]
    return (sure[0] * image + sure[1] * caption) / sum(sure)


def test_images_find_captions_which_are_ranked_again():
    memory = Memory(TEXTS.astype(np.float32), IMAGES.astype(np.float32))
    ours = XMoRe(memory, k=8, n_captions=3, scale=20).fit(None, None, classes=TABLE).predict_proba(X)
    for x, p in zip(X, ours, strict=True):
        near = np.argsort(-IMAGES @ x)[:8]
        near = near[np.argsort(-TEXTS[near] @ x)[:3]]
        np.testing.assert_allclose(p, naive(x, TEXTS[near]), atol=1e-6)


def test_texts_alone_are_looked_up_directly():
    ours = XMoRe(TEXTS, n_captions=4, scale=20).fit(None, None, classes=TABLE).predict_proba(X)
    for x, p in zip(X, ours, strict=True):
        np.testing.assert_allclose(p, naive(x, TEXTS[np.argsort(-TEXTS @ x)[:4]]), atol=1e-6)
