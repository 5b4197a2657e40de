"""GRW's losses against loops; nothing of an earlier task is kept but what can be generated."""

import math

import numpy as np
import pytest

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.generative import grw
from zorse.methods.generative.grw import GRW

N, K = 6, 3
SMALL = GRW.example_params()[0] | {"epochs": 160, "n_critic": 2, "n_seen": 0}


def cosine(p, q):
    return sum(u * v for u, v in zip(p, q)) / math.sqrt(sum(u * u for u in p) * sum(v * v for v in q))


def direction(row):
    return [v / math.sqrt(sum(u * u for u in row)) for v in row]


def softmax(row):
    top = max(row)
    e = [math.exp(v - top) for v in row]
    return [v / sum(e) for v in e]


def matmul(A, B):
    return [[sum(a * b for a, b in zip(row, col)) for col in zip(*B)] for row in A]


def test_losses_agree_with_loops(tiny, loss_of, drawn, run, monkeypatch):
    monkeypatch.setattr(grw, "mixed", lambda a: a.flip(0))
    case = tiny(GRW, beta=0.5, walk=0.3, creativity=0.7, n_steps=2, decay=0.6, temperature=2.0, logit_scale=4.0)
    x, a, y = (t.tolist() for t in case.batch)
    prototypes = [run(case.nets["prototype"].parameters(), v) for v in case.data.seen.tolist()]
    wrong = lambda row, c: -math.log(softmax([4 * cosine(row, p) for p in prototypes])[c])  # noqa: E731
    expected = sum(wrong(row, c) for row, c in zip(x, y)) / N
    assert loss_of(case.turns["prototype"], case.batch).item() == pytest.approx(expected, rel=1e-4)

    noise, more = (t.tolist() for t in drawn((N, K), (N, K)))
    make = lambda z, v: run(case.nets["generator"].parameters(), z + v)  # noqa: E731
    total = 0.0
    for i in range(N):
        fake = make(noise[i], a[i])
        total += (0.5 * wrong(fake, y[i]) - run(case.turns["critic"].params, fake + a[i])[0]) / N
    points = [make(z, v) for z, v in zip(more, a[::-1])]
    for point, v in zip(points, a[::-1]):  # real to the critic, and of no class more than of another
        total -= run(case.turns["critic"].params, point + v)[0] / N
        total += 0.7 * sum(wrong(point, c) for c in range(3)) / (3 * N)
    points = [direction(p) for p in points]
    means = [[sum(col) / y.count(c) for col in zip(*[r for r, l in zip(x, y) if l == c])] for c in sorted(set(y))]
    means = [direction(m) for m in means]
    near = [[-sum((u - v) ** 2 for u, v in zip(p, m)) / 2 for m in means] for p in points]
    to_centre, to_point = [softmax(row) for row in near], [softmax(row) for row in zip(*near)]
    apart = [[-sum((u - v) ** 2 for u, v in zip(p, q)) / 2 if i != j else -math.inf for j, q in enumerate(points)]
             for i, p in enumerate(points)]  # fmt: skip
    between, at = [softmax(row) for row in apart], to_point
    for r in range(3):
        ends = matmul(at, to_centre)
        total -= 0.3 * 0.6**r * sum(math.log(v) for row in ends for v in row) / len(means) ** 2
        at = matmul(at, between)
    total -= 0.3 * sum(math.log(sum(col) / len(means)) for col in zip(*to_point)) / N
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total, rel=1e-4)


def test_walkers_do_not_call_for_points_at_the_origin(tiny):
    case = tiny(GRW)
    _, a, _ = case.batch
    points, centres = case.model._fake(a).detach(), case.data.x[:3]
    far, near = (sum(case.model._lost(scale * points, centres)).item() for scale in (1.0, 1e-3))
    assert near == pytest.approx(far, rel=1e-4)


def test_without_creativity_nothing_is_made_in_between(tiny, loss_of, monkeypatch):
    monkeypatch.setattr(grw, "mixed", lambda a: pytest.fail("a vector in between was drawn"))
    case = tiny(GRW, creativity=None)
    assert math.isfinite(loss_of(case.turns["generator"], case.batch).item())


@pytest.fixture(scope="module")
def sequence():
    """After the first of two tasks, and after both."""
    task = toy_zsl()
    X, y = task.train
    first = np.isin(y, task.seen[:4])
    model = GRW(**SMALL)
    before = model.fit(X[first], y[first], classes=task.classes).with_candidates(task.classes)
    return task, before, model.fit_next(X[~first], y[~first])


def test_a_second_task_is_learned_and_the_first_not_forgotten_altogether(sequence):
    task, before, after = sequence
    X, y = task.test_seen
    first = np.isin(y, task.seen[:4])
    assert set(before.seen_) == set(task.seen[:4])
    assert set(after.seen_) == set(task.seen)
    seen = after.with_candidates(task.seen)
    chance = 1 / len(task.seen)
    assert seen.score(X[~first], y[~first]) > 2 * chance
    assert seen.score(X[first], y[first]) > 2 * chance
    assert len(after.seen_features_) == 0  # nothing real is kept


def test_the_first_task_is_replayed_by_the_generator_that_learned_it(sequence):
    task, before, _ = sequence
    old = task.classes.select(task.seen[:4])
    x, labels = before.replay(old)
    assert len(x) == 4 * before.n_replay
    np.testing.assert_array_equal(np.unique(labels), np.sort(task.seen[:4]))
    assert before.with_candidates(task.seen[:4]).score(x, labels) > 0.5  # of four classes
    assert before.n_synthetic == 30


def test_an_earlier_class_must_stay_in_the_table(sequence):
    task, before, _ = sequence
    X, y = task.train
    rest = task.classes.without(task.seen[:1])
    with pytest.raises(InputError, match=str(task.seen[0])):
        before.fit_next(X[-3:], y[-3:], classes=rest)
    with pytest.raises(InputError, match="no range holds"):
        GRW(**SMALL | {"scale": "min-max"}).fit(X, y, classes=task.classes)
