import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.data import toy_zsl
from zorse.evaluation import diagnose, hubness_skewness, occurrences, projection_shift
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.methods.pretraining.clip import CLIP


@pytest.mark.parametrize("k", [1, 3, 7])
def test_occurrences_count_the_k_nearest(k):
    scores = np.random.RandomState(0).randn(50, 7)
    naive = np.zeros(7, dtype=int)
    for row in scores:
        for j in sorted(range(7), key=lambda j: -row[j])[:k]:
            naive[j] += 1
    assert occurrences(scores, k).tolist() == naive.tolist()


def test_skewness_is_the_third_moment():
    scores = np.random.RandomState(1).randn(200, 9) + np.array([3] + 8 * [0])  # class 0 is a hub
    N = occurrences(scores, 2)
    mean, third, second = sum(N) / 9, 0.0, 0.0
    for n in N:
        third += (n - mean) ** 3 / 9
        second += (n - mean) ** 2 / 9
    assert hubness_skewness(scores, 2) == pytest.approx(third / second**1.5)
    assert hubness_skewness(scores, 2) > 1
    assert hubness_skewness(scores, 9) == 0  # every class is in every list


def test_skewness_does_not_depend_on_monotone_changes_of_the_scores():
    scores = np.random.RandomState(2).randn(60, 8)
    assert hubness_skewness(np.exp(scores) - 5, 3) == hubness_skewness(scores, 3)


def test_a_projection_that_hits_its_class_has_no_shift():
    task = toy_zsl(aligned=True, noise=0.0)
    shift = projection_shift(task.X, task.y, task.classes)
    assert max(shift.values()) < 1e-12
    moved = projection_shift(task.X + np.array([3.0, 4.0] + 14 * [0]), task.y, task.classes)
    assert all(value == pytest.approx(5) for value in moved.values())


def test_diagnosis():
    task = toy_zsl(n_seen=3, n_unseen=8)  # 3 classes tell little of 6 dimensions: unseen ones must be missed
    X, y = task.train
    S = task.classes.vectors[task.classes.rows(y)]
    W = np.linalg.lstsq(X, S, rcond=None)[0]
    model = ESZSL().fit(X, y, classes=task.classes)
    found = diagnose(model, task, project=lambda X: X @ W)
    assert found.k == 4
    assert found.shift_unseen > 2 * found.shift_seen > 0
    assert found.shift == pytest.approx(found.shift_unseen / found.shift_seen)
    unseen = task.classes.select(task.unseen)
    assert found.hubness == hubness_skewness(task.test_unseen[0] @ model.weights_ @ unseen.vectors.T, 4)
    assert np.isfinite(diagnose(model, task).shift_seen)  # its own map is the projection, if none is given


def test_a_method_without_a_projection_has_hubness_only():
    task = toy_zsl(aligned=True)
    found = diagnose(CLIP().fit(None, None, classes=task.classes), task)
    assert np.isnan(found.shift)
    assert np.isfinite(found.hubness)


def test_wrong_input_is_named():
    with pytest.raises(InputError, match="from 1 to 3"):
        occurrences(np.zeros((2, 3)), 4)
    with pytest.raises(InputError, match=r"\(n, c\)"):
        occurrences(np.zeros(3))
    with pytest.raises(InputError, match="projections"):
        projection_shift(np.zeros((2, 3)), ["a", "b"], ClassTable(["a", "b"], np.eye(2)))
