import numpy as np
import pytest
import torch

from zorse.data import toy_zsl
from zorse.methods.transductive.scan import SCAN, neighbour_loss

TASK = toy_zsl(aligned=True, n_seen=4, n_unseen=6, noise=0.2)


def test_the_loss_by_loops():
    p, q = (torch.randn(7, 4, generator=torch.Generator().manual_seed(i)).softmax(dim=1).double() for i in (0, 1))
    agree, mean = 0.0, [0.0] * 4
    for one, other in zip(p.tolist(), q.tolist(), strict=True):
        agree -= np.log(sum(a * b for a, b in zip(one, other, strict=True))) / 7
        mean = [m + a / 7 for m, a in zip(mean, one, strict=True)]
    entropy = -sum(m * np.log(m) for m in mean)
    assert neighbour_loss(p, q, 5.0).item() == pytest.approx(agree - 5 * entropy, abs=1e-6)


def test_clear_clusters_are_found_and_named():
    X, y = TASK.test_unseen
    table = TASK.classes.select(TASK.unseen)
    model = SCAN(k=5, epochs=150, batch_size=64, lr=0.02, random_state=0)
    model.fit(None, None, classes=table, unlabelled=X)
    assert (model.predict(X) == y).mean() > 0.8
    # The best that the loss can be: certain, agreed, and spread over all clusters alike.
    assert model.loss_ > -5 * np.log(6)
