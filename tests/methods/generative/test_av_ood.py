"""AV-OOD's losses against loops, its entropy against a formula, and what its gate decides."""

import math

import numpy as np
import pytest
import torch

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.generative.av_ood import AVOOD, entropy

N, K = 6, 3
relu = lambda v: max(v, 0.0)  # noqa: E731


def cosine(p, q):
    return sum(u * v for u, v in zip(p, q)) / max(math.sqrt(sum(u * u for u in p) * sum(v * v for v in q)), 1e-8)


def test_the_generators_loss_agrees_with_loops(tiny, loss_of, drawn, run):
    case = tiny(AVOOD, streams=(2, 3), match=0.7, reconstruction=0.4)
    x, a, y = (t.tolist() for t in case.batch)
    (noise,), total = drawn((N, K)), 0.0
    fakes = [run(case.nets["generator"].parameters(), noise[i].tolist() + a[i], out=relu) for i in range(N)]
    for i in range(N):
        total -= run(case.turns["critic"].params, fakes[i] + a[i])[0]
        total += 0.7 * (1 - cosine(fakes[i], x[i]))
        total += 0.7 * max(cosine(fakes[i], x[i - 1]), 0) if y[i] != y[i - 1] else 0
        total += 0.4 * sum((p - q) ** 2 for p, q in zip(run(case.turns["decoder"].params, fakes[i]), a[i])) / K
    assert loss_of(case.turns["generator"], case.batch).item() == pytest.approx(total / N, rel=1e-4)


def test_streams_attend_to_each_other_as_loops_say(tiny, run):
    model = tiny(AVOOD, streams=(2, 3), latent=4).model
    nets = {name: list(net.parameters()) for name, net in model.networks_.items()}
    row = torch.rand(1, 5)
    both = [run(nets["audio"], row[0, :2].tolist(), slope=0.0), run(nets["video"], row[0, 2:].tolist(), slope=0.0)]
    queries, keys = ([run(nets[name], stream) for stream in both] for name in ("query", "key"))
    for i, place in enumerate(model._places(row)):
        weights = [math.exp(sum(p * q for p, q in zip(queries[i], key)) / 2) for key in keys]
        expected = [own + sum(w * s[j] for w, s in zip(weights, both)) / sum(weights) for j, own in enumerate(both[i])]
        assert place[0].tolist() == pytest.approx(expected, rel=1e-4)


def test_the_entropy_is_that_of_probabilities():
    p = np.array([[0.5, 0.25, 0.25], [1 / 3] * 3])
    np.testing.assert_allclose(entropy(torch.as_tensor(np.log(p) + 2)), [1.5 * math.log(2), math.log(3)])


def test_the_gate_is_the_threshold_and_each_side_has_its_expert():
    task = toy_zsl()
    model = AVOOD(**AVOOD.example_params()[0]).fit(*task.train, classes=task.classes)
    unsure = entropy(model.detector_(model._see(task.X).float())).numpy() > model.threshold_
    answer = model.predict(task.X)
    np.testing.assert_array_equal(np.isin(answer, task.unseen), unsure)
    for labels, side in ((task.unseen, unsure), (task.seen, ~unsure)):
        np.testing.assert_array_equal(answer[side], model.with_candidates(labels).predict(task.X[side]))
    X, y = task.train
    mean = entropy(model.detector_(model._see(X).float())).mean().item()
    assert model.threshold_ == pytest.approx(mean, rel=1e-4)
    alone = AVOOD(**AVOOD.example_params()[0] | {"gate": False}).fit(X, y, classes=task.classes)
    assert alone.detector_ is None
    assert alone.words_.shape == (11, 12)


@pytest.mark.parametrize("wrong", [{"streams": (3, 3)}, {"streams": (0, 16)}, {"n_seen": 0}, {"cascade": 0.5}])
def test_what_does_not_fit_is_refused(wrong):
    task = toy_zsl()
    with pytest.raises(InputError, match=r"streams|softmax"):
        AVOOD(**AVOOD.example_params()[0] | wrong).fit(*task.train, classes=task.classes)
