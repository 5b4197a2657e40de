import numpy as np
import pytest
from scipy.special import softmax

from zorse.core import ClassTable, InputError
from zorse.methods.memory.caps_adapter import CapSAdapter
from zorse.methods.memory.tip_x import TipX
from zorse.nn.affinity import row_divergences
from zorse.nn.vectors import unit_rows
from zorse.semantics.memory import Memory

RNG = np.random.default_rng(0)
W = unit_rows(RNG.normal(size=(6, 12)))
POOL = unit_rows(W[RNG.integers(0, 6, 40)] + 0.3 * RNG.normal(size=(40, 12)))
X = unit_rows(W[RNG.integers(0, 6, 253)] + 0.3 * RNG.normal(size=(253, 12)))
PROMPTS = tuple(unit_rows(w + 0.2 * RNG.normal(size=(3, 12))) for w in W)
TABLE = ClassTable(np.arange(6), W, prompts=PROMPTS)


def naive(keys, examples, rows, alpha, beta, gamma, T):
    """Equation by equation, one sample and one example at a time."""
    p = [softmax(x @ W.T / T) for x in X]
    q = [softmax(f @ W.T / T) for f in examples]

    def kl(a, b):
        return sum(a[c] * np.log(a[c] / b[c]) for c in range(len(a)))

    near = [examples[i] @ keys[j] for i in range(len(keys)) for j in range(len(keys)) if i != j]
    alike = [-kl(q[i], q[j]) for i in range(len(keys)) for j in range(len(keys)) if i != j]
    out = np.zeros((len(X), len(W)))
    for i, x in enumerate(X):
        for c in range(len(W)):
            out[i, c] = 100 * x @ W[c]
            for j in np.flatnonzero(rows == c):
                phi = (-kl(p[i], q[j]) - min(alike)) / (max(alike) - min(alike)) * (max(near) - min(near)) + min(near)
                out[i, c] += alpha * np.exp(-beta * (1 - x @ keys[j])) + gamma * phi
    return out


def test_tip_x_is_the_paper_written_out_and_drops_no_sample():
    ours = TipX(memory=POOL, n_shots=4, alpha=2.0, beta=3.0, gamma=1.5).fit(None, None, classes=TABLE)
    index = np.concatenate([np.argsort(-(POOL.astype(np.float32) @ w.astype(np.float32)))[:4] for w in W])
    examples = unit_rows(POOL.astype(np.float32)[index].astype(float))
    theirs = naive(examples, examples, np.repeat(np.arange(6), 4), 2.0, 3.0, 1.5, 0.5)
    np.testing.assert_allclose(ours.scores(X), theirs, atol=1e-6)


def test_caps_adapter_mixes_each_caption_with_the_image_it_calls_for():
    ours = CapSAdapter(memory=POOL, n_shots=2, delta=0.3, alpha=2.0, gamma=1.5).fit(None, None, classes=TABLE)
    captions = np.concatenate([own[:2] for own in PROMPTS])
    images = unit_rows(POOL.astype(np.float32)[(captions @ POOL.T).argmax(axis=1)].astype(float))
    theirs = naive(0.7 * images + 0.3 * captions, images, np.repeat(np.arange(6), 2), 2.0, 1.0, 1.5, 0.5)
    np.testing.assert_allclose(ours.scores(X), theirs, atol=1e-6)


def test_without_weights_the_text_is_left():
    plain = TipX(alpha=0.0, gamma=0.0).fit(None, None, classes=TABLE).scores(X)
    np.testing.assert_allclose(plain, 100 * X @ W.T)


def test_labels_of_the_memory_are_the_support():
    labels = np.array(["1", "4"])[np.arange(40) % 2]
    ours = TipX(memory=(POOL, labels), n_shots=100).fit(None, None, classes=TABLE)
    assert np.bincount(ours.rows_, minlength=6).tolist() == [0, 20, 0, 0, 20, 0]
    with pytest.raises(InputError, match="labelled with a class"):
        TipX(memory=(POOL, ["no"] * 40)).fit(None, None, classes=TABLE)
    with pytest.raises(InputError, match=r"12.*5|5.*12"):
        TipX(memory=Memory(POOL[:, :5])).fit(None, None, classes=TABLE)


def test_divergences_of_rows():
    p, q = softmax(RNG.normal(size=(3, 5)), axis=1), softmax(RNG.normal(size=(4, 5)), axis=1)
    theirs = [[sum(a * np.log(a / b)) for b in q] for a in p]
    np.testing.assert_allclose(row_divergences(np.log(p), np.log(q)), theirs, atol=1e-12)
