from itertools import pairwise

import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.evaluation import (
    base_and_new,
    draw_shots,
    evaluate_base_to_new,
    evaluate_few_shot,
    labelled_split,
    mean_class_accuracy,
)
from zorse.methods.pretraining.clip import CLIP

KEYS = [f"{i % 3}/{i}.jpg" for i in range(31)]
Y = np.array([key[0] for key in KEYS])


def test_the_split_is_the_keys_not_their_order():
    order = np.random.default_rng(0).permutation(len(Y))
    here = labelled_split(Y, KEYS)
    there = labelled_split(Y[order], [KEYS[i] for i in order])
    for ours, theirs in zip(here, there, strict=True):
        assert {KEYS[i] for i in ours} == {KEYS[order[i]] for i in theirs}
    assert sorted(np.concatenate(here)) == list(range(len(Y)))
    for part, share in zip(here, (0.5, 0.2, 0.3), strict=True):
        counts = np.unique(Y[part], return_counts=True)[1]
        assert np.abs(counts - share * np.unique(Y, return_counts=True)[1]).max() <= 1


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_small_classes_train_first_then_test(n):
    train, _, test = labelled_split(np.zeros(n))
    assert len(train) >= 1
    assert len(test) == (n > 1) or n > 2


def test_fewer_shots_are_among_more_and_seeds_differ():
    draws = [set(draw_shots(Y, n, 1, KEYS)) for n in (1, 2, 4, 8)]
    assert all(few < more for few, more in pairwise(draws))
    assert [len(d) for d in draws] == [3, 6, 12, 24]
    assert draws[3] != set(draw_shots(Y, 8, 2, KEYS))
    assert len(draw_shots(Y, 99, 1, KEYS)) == len(Y)


def test_base_is_the_first_half_rounded_up():
    base, new = base_and_new(["d", "a", "c", "b", "e"])
    assert list(base) == ["a", "b", "c"]
    assert list(new) == ["d", "e"]
    drawn = base_and_new(["d", "a", "c", "b", "e"], seed=1)
    assert sorted(np.concatenate(drawn)) == ["a", "b", "c", "d", "e"]


def test_a_model_that_looks_at_no_shots_has_one_accuracy():
    task = toy_zsl(aligned=True)
    table = task.classes
    pool, test = (task.X[::2], task.y[::2]), (task.X[1::2], task.y[1::2])
    expected = mean_class_accuracy(test[1], CLIP().fit(None, None, classes=table).predict(test[0]))
    report = evaluate_few_shot(CLIP(), pool, test, table, shots=(1, 2), seeds=(1, 2))
    assert report.accuracy == {1: (expected, expected), 2: (expected, expected)}
    halves = evaluate_base_to_new(CLIP(), pool, test, table, shots=2, seeds=(1,))
    for half, value in zip(base_and_new(table.labels), (halves.base[0], halves.new[0]), strict=True):
        own = np.isin(test[1], half)
        alone = CLIP().fit(None, None, classes=table.select(half))
        assert value == mean_class_accuracy(test[1][own], alone.predict(test[0][own]))
    b, n = halves.base[0], halves.new[0]
    assert halves.harmonic[0] == pytest.approx(2 / (1 / b + 1 / n))


def test_what_is_wrong_is_said():
    with pytest.raises(InputError, match="at least 1; got 0"):
        draw_shots(Y, 0, 1)
    with pytest.raises(InputError, match=r"unique.*0/0\.jpg"):
        labelled_split(Y[:2], ["0/0.jpg", "0/0.jpg"])
    with pytest.raises(InputError, match="below 1"):
        labelled_split(Y, KEYS, parts=(0.9, 0.1))
    with pytest.raises(InputError, match="at least two"):
        base_and_new(["a"])
