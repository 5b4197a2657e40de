from dataclasses import replace

import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.evaluation import evaluate, idealised_task
from zorse.methods.pretraining.clip import CLIP


def test_vectors_are_means_and_no_test_sample_is_among_them():
    task = toy_zsl()
    ideal = idealised_task(task, share=0.25)
    assert set(ideal.test_unseen_index) < set(task.test_unseen_index)
    for label, vector in zip(ideal.classes.labels, ideal.classes.vectors, strict=True):
        if label in task.seen:
            X, y = task.train
            own = X[y == label]
        else:
            gone = np.setdiff1d(task.test_unseen_index, ideal.test_unseen_index)
            own = task.X[gone[task.y[gone] == label]]
            assert len(own) == 3  # a quarter of 12
        np.testing.assert_allclose(vector, own.mean(axis=0))
    assert np.array_equal(ideal.train_index, task.train_index)


def test_classes_and_samples_share_a_space():
    """Nearest class mean, which needs no training at all, recognises what useless descriptions hid."""
    task = toy_zsl(n_seen=20, n_unseen=5, noise=0.1)
    noise = np.random.RandomState(0).randn(len(task.classes.labels), task.X.shape[1])
    hidden = replace(task, classes=replace(task.classes, vectors=noise))
    ideal = idealised_task(hidden)
    assert evaluate(CLIP().fit(None, None, classes=ideal.classes), ideal).zsl > 0.95
    assert evaluate(CLIP().fit(None, None, classes=hidden.classes), hidden).zsl < 0.6


def test_wrong_input():
    task = toy_zsl()
    with pytest.raises(InputError, match="between 0 and 1"):
        idealised_task(task, share=1.0)
    one = replace(task, test_unseen_index=task.test_unseen_index[:1])
    with pytest.raises(InputError, match="one test sample"):
        idealised_task(one)
