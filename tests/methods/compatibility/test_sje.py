import dataclasses

import numpy as np
import pytest

from zorse.core import CapabilityError
from zorse.data import toy_zsl
from zorse.methods.compatibility.sje import SJE

TASK = toy_zsl()
X, y = TASK.train


def unit(v):
    return v / np.linalg.norm(v)


def test_one_step_is_the_papers_update_with_the_most_violating_class():
    still = {"batch_size": len(X), "random_state": 0, "margin": 0.7}
    W = SJE(epochs=0, **still).fit(X, y, classes=TASK.classes).weights_
    moved = SJE(epochs=1, lr=0.3, **still).fit(X, y, classes=TASK.classes).weights_
    phi = {label: unit(v) for label, v in zip(TASK.classes.labels, TASK.classes.vectors, strict=True)}
    step = np.zeros_like(W)
    for x, label in zip(X, y, strict=True):
        violation = {c: (0.7 if c != label else 0) + unit(x) @ W @ phi[c] for c in TASK.seen}
        worst = max(violation, key=violation.get)
        step += np.outer(unit(x), phi[label] - phi[worst]) / len(X)
    np.testing.assert_allclose(moved - W, 0.3 * step, atol=1e-6)


def test_views_are_put_beside_the_vectors():
    first, second = TASK.classes.vectors[:, :2], 9 * TASK.classes.vectors[:, 2:]
    split = dataclasses.replace(TASK.classes, vectors=first, views=(second,))
    joined = np.column_stack([[unit(v) for v in first], [unit(v) for v in second]])
    whole = dataclasses.replace(TASK.classes, vectors=joined)
    few = {"epochs": 5, "random_state": 0}
    np.testing.assert_allclose(
        SJE(views=True, **few).fit(X, y, classes=split).scores(X),
        SJE(normalize_classes=False, **few).fit(X, y, classes=whole).scores(X),
    )
    with pytest.raises(CapabilityError, match="has none beside"):
        SJE(views=True).fit(X, y, classes=TASK.classes)
