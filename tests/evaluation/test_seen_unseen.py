from itertools import pairwise

import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.evaluation import ausuc, harmonic_mean, mean_class_accuracy, seen_unseen_curve


def problem(seed, n=60, c=7, n_seen=4):
    rng = np.random.RandomState(seed)
    table = ClassTable(np.array(list("gfedcba")), np.eye(c))
    y = table.labels[np.r_[np.arange(c), rng.randint(c, size=n - c)]]
    scores = rng.randn(n, c)
    scores[np.arange(n), table.rows(y)] += 1
    return scores, y, table, table.labels[rng.permutation(c)[:n_seen]]


def accuracies(scores, y, table, seen, penalty):
    predicted = table.labels[(scores - penalty * np.isin(table.labels, seen)).argmax(1)]
    of_seen = np.isin(y, seen)
    return mean_class_accuracy(y[of_seen], predicted[of_seen]), mean_class_accuracy(y[~of_seen], predicted[~of_seen])


@pytest.mark.parametrize("seed", range(4))
def test_curve_is_argmax_at_every_penalty(seed):
    scores, y, table, seen = problem(seed)
    curve = seen_unseen_curve(scores, y, table, seen)
    # One penalty inside every step, and one beyond each end: there is no other value to try.
    p = curve.penalties
    for penalty in np.r_[p[0] - 1, (p[1:] + p[:-1]) / 2, p[-1] + 1]:
        np.testing.assert_allclose(curve.at(penalty), accuracies(scores, y, table, seen, penalty), atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_area_is_that_of_rectangles_between_break_points(seed):
    scores, y, table, seen = problem(seed)
    p = seen_unseen_curve(scores, y, table, seen).penalties
    steps = [accuracies(scores, y, table, seen, g) for g in np.r_[p[0] - 1, (p[1:] + p[:-1]) / 2, p[-1] + 1]]
    area = sum((u1 - u0) * s0 for (s0, u0), (_, u1) in pairwise(steps))
    assert ausuc(scores, y, table, seen) == pytest.approx(area)


def test_a_common_shift_of_seen_scores_leaves_the_area():
    scores, y, table, seen = problem(0)
    shifted = scores + 3.7 * np.isin(table.labels, seen)
    assert ausuc(shifted, y, table, seen) == pytest.approx(ausuc(scores, y, table, seen))


def test_perfect_scores_have_area_one_and_worst_have_zero():
    _, y, table, seen = problem(0)
    perfect = np.eye(table.n_classes)[table.rows(y)]
    assert ausuc(perfect, y, table, seen) == pytest.approx(1)
    assert ausuc(-perfect, y, table, seen) == 0


def test_one_kind_alone_has_no_curve():
    scores, y, table, seen = problem(0)
    with pytest.raises(InputError, match="both kinds"):
        ausuc(scores, y, table, table.labels)
    only = np.isin(y, seen)
    with pytest.raises(InputError, match="both kinds"):
        ausuc(scores[only], y[only], table, seen)
    with pytest.raises(InputError, match=r"expected scores of shape \(60, 7\)"):
        ausuc(scores[:, :5], y, table, seen)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("dataset", "seen", "unseen", "harmonic"), [("AWA1", 0.670, 0.536, 0.596), ("FLO", 0.732, 0.581, 0.648)]
)
def test_published_scores_give_the_published_figures(shared_data, dataset, seen, unseen, harmonic):
    # S, U and H of f-CLSWGAN as the source of the scores states them, to three digits.
    from zorse.data.pack import gzsl_scores

    task = gzsl_scores(dataset, folder=shared_data)
    s, u = accuracies(task.scores, task.y, task.classes, task.seen, 0)
    assert (s, u, harmonic_mean(s, u)) == pytest.approx((seen, unseen, harmonic), abs=1e-3)
    curve = seen_unseen_curve(task.scores, task.y, task.classes, task.seen)
    assert curve.at(1e-9) == pytest.approx((s, u), abs=2e-3)  # scores are half precision: some samples tie
