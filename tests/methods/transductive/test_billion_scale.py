import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.transductive.billion_scale import BillionScale
from zorse.training.unlabelled import best_of_each_class


def naive(proba, top_p, top_k):
    """Class by class, from the paper."""
    m, c = proba.shape
    picked = []
    for j in range(c):
        standing = [i for i in range(m) if j in sorted(range(c), key=lambda l: -proba[i, l])[:top_p]]
        picked += [(i, j) for i in sorted(standing, key=lambda i: -proba[i, j])[:top_k]]
    return picked


@pytest.mark.parametrize(("top_p", "top_k"), [(1, 5), (3, 4), (10, 100)])
def test_samples_are_picked_as_the_paper_says(top_p, top_k):
    proba = np.random.default_rng(0).dirichlet(np.ones(7), 30)
    rows, columns = best_of_each_class(proba, top_p, top_k)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == naive(proba, top_p, top_k)


def test_every_class_is_picked_as_often_where_there_is_enough():
    proba = np.random.default_rng(1).dirichlet([5, 1, 1, 1], 200)  # the first is the teacher's favourite
    assert np.bincount(best_of_each_class(proba, 4, 20)[1]).tolist() == [20] * 4
    assert np.bincount(proba.argmax(axis=1)).max() > 100


def test_the_student_learns_classes_that_its_teacher_alone_knows():
    task = toy_zsl(noise=0.05)
    X, y = task.train
    U, truth = task.test_unseen
    model = BillionScale(top_p=1, epochs=100, lr=0.01, random_state=0)
    model.fit(X, y, classes=task.classes, unlabelled=np.concatenate([U, task.test_seen[0]]))
    assert np.mean(model.predict(U) == truth) > 0.5  # among all eleven classes; tuning saw none of these three


def test_classes_that_the_student_never_met_are_refused():
    task = toy_zsl()
    X, y = task.train
    few = task.classes.select(np.unique(y))
    model = BillionScale(epochs=1, random_state=0).fit(X, y, classes=few, unlabelled=X)
    stranger = task.classes.without(np.unique(y))
    with pytest.raises(InputError, match=str(stranger.labels[0])):
        model.with_candidates(stranger)


@pytest.mark.parametrize("params", [{"top_p": 0}, {"top_k": 0}])
def test_nothing_to_pick_is_refused(params):
    task = toy_zsl()
    X, y = task.train
    with pytest.raises(InputError, match="at least 1"):
        BillionScale(**params).fit(X, y, classes=task.classes, unlabelled=X)
