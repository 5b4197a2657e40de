import dataclasses

import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.gaze_embeddings import GazeEmbeddings

TASK = toy_zsl()
X, y = TASK.train
RNG = np.random.RandomState(0)
FIRST, SECOND = (TASK.classes.vectors + 0.1 * RNG.randn(*TASK.classes.vectors.shape) for _ in range(2))
TABLE = dataclasses.replace(TASK.classes, vectors=FIRST, views=(SECOND,))
FEW = {"epochs": 5, "random_state": 0, "device": "cpu"}


def unit(V):
    return V / np.linalg.norm(V, axis=1, keepdims=True)


def test_one_step_goes_against_the_most_violating_class():
    whole = {"batch_size": len(X), "random_state": 0, "device": "cpu"}
    W = GazeEmbeddings(epochs=0, **whole).fit(X, y, classes=TABLE).weights_
    moved = GazeEmbeddings(epochs=1, lr=0.5, **whole).fit(X, y, classes=TABLE).weights_
    phi = dict(zip(TABLE.labels, (unit(FIRST) + unit(SECOND)) / 2, strict=True))  # the participants' mean
    step = np.zeros_like(W)
    for x, label in zip(unit(X), y, strict=True):
        worst = max(TASK.seen, key=lambda c: (c != label) + x @ W @ phi[c])
        step += np.outer(x, phi[label] - phi[worst]) / len(X)
    np.testing.assert_allclose(moved - W, 0.5 * step, atol=1e-6)


def test_late_averages_the_scores_of_one_map_a_participant():
    late = GazeEmbeddings("late", **FEW).fit(X, y, classes=TABLE)
    first, second = np.split(late.weights_, [FIRST.shape[1]], axis=1)
    expected = (unit(X) @ first @ unit(FIRST).T + unit(X) @ second @ unit(SECOND).T) / 2
    np.testing.assert_allclose(late.scores(X), expected, atol=1e-12)
    # Each map learns as if it were alone: another second participant leaves the first one's as it is.
    noise = dataclasses.replace(TABLE, views=(RNG.randn(*SECOND.shape),))
    other = GazeEmbeddings("late", **FEW).fit(X, y, classes=noise)
    np.testing.assert_allclose(other.weights_[:, : FIRST.shape[1]], first, atol=1e-6)


def test_early_puts_participants_side_by_side():
    side = dataclasses.replace(TASK.classes, vectors=np.hstack([unit(FIRST), unit(SECOND)]))
    early = GazeEmbeddings("early", **FEW).fit(X, y, classes=TABLE)
    joined = GazeEmbeddings("early", normalize_classes=False, **FEW).fit(X, y, classes=side)
    np.testing.assert_allclose(early.scores(X), joined.scores(X))


def test_what_cannot_be_combined_is_refused():
    with pytest.raises(InputError, match="'middle'"):
        GazeEmbeddings("middle").fit(X, y, classes=TABLE)
    short = dataclasses.replace(TABLE, views=(SECOND[:, :2],))
    with pytest.raises(InputError, match=r"need one length; the participants' have \[6, 2\]"):
        GazeEmbeddings().fit(X, y, classes=short)
