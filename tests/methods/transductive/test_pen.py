from dataclasses import replace

import numpy as np
import pytest
import torch

from zorse.core import InputError
from zorse.data import toy_zsl
from zorse.methods.transductive.pen import PEN, mean_cross_entropy, most_confident
from zorse.nn.vectors import unit_rows

TASK = toy_zsl(n_seen=10, n_unseen=4, n_per_class=15)
U = TASK.test_unseen[0]
SMALL = {"hidden": 24, "rounds": 2, "first_epochs": 5, "epochs": 2, "lr": 0.01, "random_state": 0, "device": "cpu"}


def fitted(table=TASK.classes, **params):
    return PEN(**SMALL | params).fit(*TASK.train, classes=table, unlabelled=U)


def test_scores_are_the_mean_of_every_classifiers_softmax():
    table = replace(TASK.classes, views=(TASK.classes.vectors[:, :3] + 1,))
    model = fitted(table, n_projections=3)
    assert len(model.projections_) == 6
    spaces, x = [unit_rows(table.vectors), unit_rows(table.views[0])], torch.as_tensor(unit_rows(U)).float()
    expected = np.zeros((len(U), 14))
    h = torch.relu(model.networks_["shared"][0](x))
    for space, P, head in zip(model.spaces_, model.projections_, model.networks_["heads"], strict=True):
        E = spaces[space] @ P
        for i, f in enumerate(head(h).double().numpy()):
            logits = [10 * f @ e / np.linalg.norm(e) for e in E]
            expected[i] += np.exp(logits) / np.exp(logits).sum() / 6
    np.testing.assert_allclose(np.exp(model.scores(U)), expected, rtol=1e-4)


def naive_most_confident(scores, size):
    chosen = {}
    for column in range(scores.shape[1]):
        won = [i for i in range(len(scores)) if scores[i].argmax() == column]
        for i in sorted(won, key=lambda i: -scores[i, column])[:size]:
            chosen[i] = column
    return sorted(chosen.items())


@pytest.mark.parametrize("size", [1, 3, 100])
def test_each_class_keeps_its_most_confident_samples(size):
    scores = np.random.default_rng(0).standard_normal((40, 5))
    rows, columns = most_confident(scores, size)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == naive_most_confident(scores, size)


def test_the_loss_is_an_average_over_classifiers():
    logits, target = (
        [torch.randn(6, 4, generator=torch.Generator().manual_seed(i)) for i in range(3)],
        torch.arange(6) % 4,
    )
    by_hand = np.mean([-np.log(np.exp(l) / np.exp(l).sum())[t] for L in logits for l, t in zip(L.numpy(), target)])
    assert float(mean_cross_entropy(logits, target)) == pytest.approx(by_hand, rel=1e-5)


def test_more_samples_are_labelled_from_round_to_round():
    chosen = fitted(rounds=4, share=1.0).chosen_
    assert chosen == sorted(chosen)
    assert chosen[0] <= 4 * round(len(U) / 4 / 4)
    assert fitted(rounds=0).chosen_ == []


def test_a_turned_space_holds_the_same_angles():
    P = fitted().projections_[0]
    np.testing.assert_allclose(P.T @ P, np.eye(6), atol=1e-5)
    assert fitted(projection=2).projections_[0].shape == (6, 2)


def test_a_share_must_be_a_share():
    with pytest.raises(InputError, match="share"):
        fitted(share=0.0)
