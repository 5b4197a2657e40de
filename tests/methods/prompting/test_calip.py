import numpy as np
from scipy.special import softmax

from zorse.core import ClassTable
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.prompting.calip import CALIP
from zorse.nn.vectors import unit_rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 2, 3, 8)).astype(np.float32)
TABLE = ClassTable(np.arange(4), RNG.normal(size=(4, 8)))


def test_scores_are_those_of_the_attention_written_out():
    model, texts = CALIP(text_weight=0.7, image_weight=0.3).fit(None, None, classes=TABLE), unit_rows(TABLE.vectors)
    for grid, scores in zip(X, model.scores(X), strict=True):
        patches = np.array([p / np.linalg.norm(p) for p in grid.reshape(6, 8).astype(float)])
        whole = patches.mean(axis=0) / np.linalg.norm(patches.mean(axis=0))
        A = np.array([[p @ t * 2 for t in texts] for p in patches])
        texts_a = np.array([sum(softmax(A[:, c])[i] * patches[i] for i in range(6)) for c in range(4)])
        patches_a = np.array([sum(softmax(A[i])[c] * texts[c] for c in range(4)) for i in range(6)])
        pooled = patches_a.mean(axis=0) + patches_a.max(axis=0)
        expected = [100 * (whole @ texts[c] + 0.7 * whole @ texts_a[c] + 0.3 * pooled @ texts[c]) for c in range(4)]
        np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_without_attention_it_is_the_mean_patch():
    model = CALIP(text_weight=0.0, image_weight=0.0).fit(None, None, classes=TABLE)
    means = unit_rows(X.astype(float)).mean(axis=(1, 2))
    plain = CLIP().fit(None, None, classes=TABLE)
    np.testing.assert_allclose(model.scores(X) / 100, plain.scores(means) / plain.scale, atol=1e-9)
