import numpy as np
import pytest
import torch

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.ale import ALE, exact_ranking, margins, sampled_ranking

TASK = toy_zsl()
X, y = TASK.train
RNG = np.random.RandomState(0)
SCORES, TARGET = 2 * RNG.randn(40, 6), RNG.randint(6, size=40)


def beta(r):
    return sum(1 / j for j in range(1, r + 1))


def hinge(scores, target):
    return {c: max(0, 1 + scores[c] - scores[target]) for c in range(len(scores)) if c != target}


def test_the_exact_ranking_loss_is_the_papers_sum():
    total = 0
    for scores, target in zip(SCORES, TARGET, strict=True):
        l = hinge(scores, target)
        r = sum(v > 0 for v in l.values())
        total += beta(r) / r * sum(l.values()) if r else 0
    loss = exact_ranking(margins(torch.tensor(SCORES), torch.tensor(TARGET)))
    assert loss.item() == pytest.approx(total / len(SCORES))


def test_the_sampled_ranking_loss_is_the_papers_loop_on_the_same_draws():
    n, s = SCORES.shape
    draws = torch.randint(s - 1, (n, s - 1), generator=torch.Generator().manual_seed(3)).numpy()
    total = 0
    for scores, target, row in zip(SCORES, TARGET, draws, strict=True):
        wrong = [c for c in range(s) if c != target]
        for k, draw in enumerate(row, start=1):
            l = hinge(scores, target)[wrong[draw]]
            if l > 0:
                total += beta((s - 1) // k) * l
                break
    violation = margins(torch.tensor(SCORES), torch.tensor(TARGET))
    loss = sampled_ranking(violation, torch.tensor(TARGET), torch.Generator().manual_seed(3))
    assert loss.item() == pytest.approx(total / n)


def test_drawing_often_gives_the_expectation():
    # With q of s - 1 wrong classes violating, trial k comes with (1 - q/(s-1))^(k-1) q/(s-1), the violator uniformly.
    n, s = SCORES.shape
    expected = 0
    for scores, target in zip(SCORES, TARGET, strict=True):
        violators = [v for v in hinge(scores, target).values() if v > 0]
        p = len(violators) / (s - 1)
        weight = sum((1 - p) ** (k - 1) * p * beta((s - 1) // k) for k in range(1, s))
        expected += weight * np.mean(violators) / n if violators else 0
    violation, target = margins(torch.tensor(SCORES), torch.tensor(TARGET)), torch.tensor(TARGET)
    draws = [sampled_ranking(violation, target, torch.Generator().manual_seed(i)).item() for i in range(2000)]
    assert np.mean(draws) == pytest.approx(expected, abs=5 * np.std(draws) / len(draws) ** 0.5)


def test_one_step_on_one_sample_is_the_papers_update():
    # With W small enough every wrong class violates at the first trial: W += lr beta_(s-1) theta (phi_y - phi_y')^T.
    task = toy_zsl(n_seen=2, n_unseen=2)  # two seen classes leave one wrong class to draw
    i = task.train_index[:1].tolist() + task.train_index[-1:].tolist()
    x, labels = task.X[i], task.y[i]
    start = ALE(epochs=0, random_state=0).fit(x, labels, classes=task.classes).weights_
    moved = ALE(epochs=1, batch_size=2, lr=1e-3, random_state=0).fit(x, labels, classes=task.classes).weights_
    phi = {label: v / np.linalg.norm(v) for label, v in zip(task.classes.labels, task.classes.vectors, strict=True)}
    step = np.zeros_like(start)
    for sample, label, other in zip(x, labels, labels[::-1], strict=True):
        step += np.outer(sample / np.linalg.norm(sample), phi[label] - phi[other]) / 2
    np.testing.assert_allclose(moved - start, 1e-3 * step, atol=1e-7)


def test_scaling_samples_or_classes_changes_nothing_where_they_are_normalised():
    few = {"epochs": 3, "random_state": 0}
    model = ALE(**few).fit(X, y, classes=TASK.classes)
    np.testing.assert_allclose(model.scores(7 * X), model.scores(X))
    raw = ALE(normalize_features=False, normalize_classes=False, **few).fit(X, y, classes=TASK.classes)
    np.testing.assert_allclose(raw.scores(X), X @ raw.weights_ @ TASK.classes.vectors.T)


@pytest.mark.parametrize("ranking", ["sampled", "exact"])
def test_training_brings_the_loss_down(ranking):
    history = ALE(ranking=ranking, epochs=30, lr=1.0, random_state=0).fit(X, y, classes=TASK.classes).history_
    assert history[-1]["ranking"] < history[0]["ranking"] / 2


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match="'warp'"):
        ALE(ranking="warp").fit(X, y, classes=TASK.classes)
    with pytest.raises(InputError, match=f"{y[0]} alone"):
        ALE().fit(X[y == y[0]], y[y == y[0]], classes=TASK.classes)
