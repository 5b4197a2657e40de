import numpy as np

from zorse.data import digits_zsl
from zorse.data.digits import STROKES


def test_every_digit_differs_from_every_other_in_two_strokes_or_more():
    vectors = digits_zsl().classes.vectors
    distance = np.abs(vectors[:, None] - vectors[None]).sum(-1)
    assert vectors.shape == (10, len(STROKES))
    assert distance[~np.eye(10, dtype=bool)].min() >= 2


def test_every_stroke_of_an_unseen_digit_occurs_with_and_without_it_among_the_seen():
    task = digits_zsl()
    seen = task.classes.select(task.seen).vectors.mean(0)
    unseen = task.classes.select(task.unseen).vectors.max(0)
    learnable = seen[unseen == 1]
    assert (learnable > 0).sum() >= len(learnable) - 1, "more than one stroke of an unseen digit is never seen"


def test_the_split_is_the_stated_one():
    task = digits_zsl()
    assert task.X.shape == (1797, 64)
    assert task.X.max() == 1
    assert task.unseen.tolist() == ["2", "5", "8"]
    assert len(task.train_index) + len(task.test_seen_index) + len(task.test_unseen_index) == 1797
