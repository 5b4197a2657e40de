import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import open_world, pair_table, toy_compositional
from zorse.evaluation import compositional_report, evaluate_compositional
from zorse.methods.compatibility.eszsl import ESZSL

TASK = toy_compositional(n_attributes=4, n_objects=5, n_unseen=6, noise=0.6)
MODEL = ESZSL().fit(*TASK.train, classes=TASK.classes)


def problem(seed, n=80):
    rng = np.random.RandomState(seed)
    table = pair_table([(f"a{i}", f"o{j}") for i in range(3) for j in range(4)])
    y = table.labels[rng.randint(12, size=n)]
    scores = rng.randn(n, 12)
    scores[np.arange(n), table.rows(y)] += 1.5
    return scores, y, table, table.labels[rng.permutation(12)[:7]]


def at_bias(scores, y, table, seen, bias):
    """Accuracy over samples on seen and on unseen pairs."""
    hit = table.labels[(scores + bias * ~np.isin(table.labels, seen)).argmax(axis=1)] == y
    of_seen = np.isin(y, seen)
    return hit[of_seen].mean(), hit[~of_seen].mean()


def swept(scores, y, table, seen, biases):
    return np.array([at_bias(scores, y, table, seen, bias) for bias in biases]).T


@pytest.mark.parametrize("seed", range(3))
def test_a_sweep_over_many_biases_finds_the_same(seed):
    case = problem(seed)
    report = compositional_report(*case)
    S, U = swept(*case, np.linspace(-9, 9, 4001))
    harmonic = 2 * S * U / np.maximum(S + U, 1e-12)
    assert report.seen == S.max()
    assert report.unseen == U.max()
    assert report.harmonic == pytest.approx(harmonic.max(), abs=0.01)
    assert report.harmonic >= harmonic.max() - 1e-12  # no bias is missed
    assert report.auc == pytest.approx(np.trapezoid(S, U), abs=0.005)
    S, U = at_bias(*case, report.bias)
    assert pytest.approx(report.harmonic) == 2 * S * U / (S + U)


def test_a_finer_sweep_comes_nearer():
    case = problem(0)
    area = compositional_report(*case).auc
    errors = []
    for n in (21, 201, 2001):
        S, U = swept(*case, np.linspace(-9, 9, n))
        errors.append(abs(np.trapezoid(S, U) - area))
    assert errors[2] < errors[0] / 5
    assert errors[2] < 1e-3


def test_words_are_those_of_the_predicted_pair():
    scores, y, table, seen = problem(1)
    report = compositional_report(scores, y, table, seen)
    right = [[], []]
    for row, label in zip(scores, y, strict=True):
        predicted = table.labels[int(np.argmax(row))]
        for i in (0, 1):
            right[i].append(table.parents[predicted][i] == table.parents[label][i])
    assert (report.attribute, report.object) == (np.mean(right[0]), np.mean(right[1]))


def test_single_precision_and_small_blocks_change_nothing():
    scores, y, table, seen = problem(2)
    rounded = scores.astype(np.float32)
    assert compositional_report(rounded, y, table, seen).as_dict() == (
        compositional_report(rounded.astype(float), y, table, seen).as_dict()
    )


def test_the_closed_world_holds_the_pairs_of_training_and_test():
    report = evaluate_compositional(MODEL, TASK, batch_size=7)
    X, y = (np.concatenate(parts) for parts in zip(TASK.test_seen, TASK.test_unseen, strict=True))
    expected = compositional_report(MODEL.scores(X), y, TASK.classes, TASK.seen)
    assert report.as_dict() == pytest.approx(expected.as_dict())
    assert str(report).startswith(f"S {expected.seen:.3f}")


def test_the_open_world_is_harder_and_a_mask_makes_it_the_closed_one():
    pairs = [label for label in TASK.classes.labels if label not in TASK.unseen[:2]]
    kept = np.flatnonzero(np.isin(TASK.y, pairs))
    smaller = TASK.__class__(
        TASK.X,
        TASK.y,
        TASK.classes,
        TASK.train_index,
        TASK.test_seen_index,
        np.intersect1d(TASK.test_unseen_index, kept),
    )
    closed, opened = (evaluate_compositional(MODEL, smaller, world=world) for world in ("closed", "open"))
    assert opened.unseen <= closed.unseen
    masked = evaluate_compositional(MODEL, smaller, world="open", feasible=lambda table: np.isin(table.labels, pairs))
    assert masked.as_dict() == pytest.approx(closed.as_dict())
    # A pair that is kept out can't be found; pairs of training are let in whatever the mask says.
    none = evaluate_compositional(
        MODEL, smaller, world="open", feasible=lambda table: np.isin(table.labels, TASK.unseen[:2])
    )
    assert none.unseen == 0
    assert none.seen == closed.seen
    assert open_world(TASK.classes).n_classes == 20


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match="'ajar'"):
        evaluate_compositional(MODEL, TASK, world="ajar")
    with pytest.raises(InputError, match="seen and unseen pairs among the candidates"):
        evaluate_compositional(MODEL, TASK, part="val")
    scores, y, table, seen = problem(0)
    with pytest.raises(InputError, match="seen and unseen pairs among the candidates"):
        compositional_report(scores, y, table, table.labels)
    with pytest.raises(InputError, match=r"\(80, 12\)"):
        compositional_report(scores[:, 1:], y, table, seen)
