"""DASCN's three losses against loops."""

import math

import pytest
import torch
from torch import nn

from zorse.methods.generative.dascn import DASCN

N, K, D = 6, 3, 5


def relu(v):
    return max(v, 0.0)


@pytest.fixture
def case(tiny):
    head = nn.Linear(D, 3)
    made = tiny(DASCN, head, beta=0.3, dual=0.4, semantic=0.5, visual=0.7, again=0.6, penalty=0.0)
    made.head = head
    return made


def rounds(case, run, noise, i):
    """The feature, the class vector read off it and the feature made from that, of sample i."""
    first, second = noise
    make, back = (list(case.nets[name].parameters()) for name in ("generator", "dual"))
    a = case.batch[1][i].tolist()
    v = run(make, first[i].tolist() + a, out=relu)
    s = run(back, v)
    return v, s, run(make, second[i].tolist() + s, out=relu)


def mean(rows):
    return [sum(column) / len(rows) for column in zip(*rows)]


def squared(p, q):
    return sum((u - v) ** 2 for u, v in zip(p, q))


def test_generators_pay_for_both_rounds_and_for_what_the_dual_gan_reads(case, loss_of, drawn, run):
    x, a, y = (t.tolist() for t in case.batch)
    noise = drawn((N, K), (N, K))
    critic, of_vectors = case.turns["critic"].params, case.turns["dual critic"].params
    back = list(case.nets["dual"].parameters())
    made, total = [rounds(case, run, noise, i) for i in range(N)], 0.0
    for i, (v, s, w) in enumerate(made):
        logits = run(case.head.parameters(), v)
        total -= run(critic, v + a[i])[0] + 0.6 * run(critic, w + a[i])[0]
        total += 0.3 * (math.log(sum(map(math.exp, logits))) - logits[y[i]])
        total -= 0.4 * (run(of_vectors, s)[0] + run(of_vectors, run(back, x[i]))[0])
    total /= N
    for c in range(3):
        own = [i for i in range(N) if y[i] == c]
        total += 0.7 * squared(mean([made[i][2] for i in own]), mean([x[i] for i in own])) / 3
        total += 0.5 * squared(mean([made[i][1] for i in own]), case.data.seen[c].tolist()) / 3
    assert loss_of(case.turns["generators"], case.batch).item() == pytest.approx(total, rel=1e-4)


def test_each_critic_tells_two_kinds_of_fakes_from_what_is_real(case, loss_of, drawn, run):
    x, a, _ = (t.tolist() for t in case.batch)
    critic, of_vectors = case.turns["critic"].params, case.turns["dual critic"].params
    noise, back, ours, dual = drawn((N, K), (N, K)), list(case.nets["dual"].parameters()), 0.0, 0.0
    for i in range(N):
        v, s, w = rounds(case, run, noise, i)
        real = run(critic, x[i] + a[i])[0]
        ours += run(critic, v + a[i])[0] - real + 0.6 * (run(critic, w + a[i])[0] - real)
        dual += run(of_vectors, s)[0] + run(of_vectors, run(back, x[i]))[0] - 2 * run(of_vectors, a[i])[0]
    assert loss_of(case.turns["critic"], case.batch).item() == pytest.approx(ours / N, rel=1e-4)
    assert loss_of(case.turns["dual critic"], case.batch).item() == pytest.approx(dual / N, rel=1e-4)


def test_only_the_generators_turn_moves_the_generators(case):
    own = {id(p) for net in case.nets.values() for p in net.parameters()}
    assert {id(p) for p in case.turns["generators"].params} == own
    assert not own & {id(p) for name in ("critic", "dual critic") for p in case.turns[name].params}
    assert all(torch.isfinite(p).all() for p in case.nets.parameters())
