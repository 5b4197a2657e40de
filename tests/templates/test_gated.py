import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.templates import SoftmaxRegression, pseudo_unseen, some_of_each

Y = np.repeat(list("abcdefgh"), [1, 5, 20, 10, 10, 10, 10, 10])


def test_some_of_each_class_and_never_all():
    mask = some_of_each(Y, 0.2, np.random.RandomState(0))
    assert [mask[c == Y].sum() for c in "abcd"] == [0, 1, 4, 2]
    assert not some_of_each(Y, 0.0, np.random.RandomState(0)).any()


def test_whole_classes_and_a_part_of_the_others_are_for_the_gate():
    unseen, mask = pseudo_unseen(Y, 0.25, 0.2, np.random.RandomState(3))
    assert len(unseen) == 2
    assert mask[np.isin(Y, unseen)].all()
    for label in np.setdiff1d(Y, unseen):
        own = mask[label == Y]
        assert own.sum() == min(len(own) - 1, max(1, round(0.2 * len(own))))


def test_a_gate_needs_something_to_learn_from():
    with pytest.raises(InputError, match="two seen classes"):
        pseudo_unseen(np.array(["a", "a"]), 0.25, 0.2, np.random.RandomState(0))
    with pytest.raises(InputError, match="to spare"):
        pseudo_unseen(np.array(["a", "b"]), 0.25, 0.2, np.random.RandomState(0))


def test_softmax_regression_never_answers_what_it_has_not_seen():
    task = toy_zsl()
    model = SoftmaxRegression().fit(*task.train, classes=task.classes)
    assert np.isin(model.predict(task.X), task.seen).all()
    assert model.with_candidates(task.seen).score(*task.test_seen) > 0.8
