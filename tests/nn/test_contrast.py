import math

import numpy as np
import pytest
import torch

from zorse.nn.contrast import among_hard_pairs, supervised_contrastive

Z = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TARGET = torch.tensor([0, 1, 0, 2, 1, 0, 3])  # classes 2 and 3 have one row, hence no positive


def test_supervised_contrast_written_as_loops():
    unit = [row / np.linalg.norm(row) for row in Z.numpy()]
    rows = []
    for i in range(7):
        share = {j: math.exp(unit[i] @ unit[j] / 0.3) for j in range(7) if j != i}
        positives = [j for j in share if TARGET[j] == TARGET[i]]
        negatives = sum(share[j] for j in share if TARGET[j] != TARGET[i])
        if positives:
            rows.append(np.mean([-math.log(share[j] / (share[j] + negatives)) for j in positives]))
    assert len(rows) == 5
    assert supervised_contrastive(Z, TARGET, 0.3).item() == pytest.approx(np.mean(rows))


def test_lengths_mean_nothing_and_one_class_has_no_negatives():
    longer = Z * torch.arange(1, 8)[:, None]
    torch.testing.assert_close(supervised_contrastive(longer, TARGET, 0.3), supervised_contrastive(Z, TARGET, 0.3))
    assert supervised_contrastive(Z, torch.zeros(7, dtype=torch.long), 0.3).item() == 0
    assert supervised_contrastive(Z, torch.arange(7), 0.3).item() == 0  # and no class of two rows no positives


def hard_pairs(z, has, likeness, n_negatives=5, draws=1):
    torch.manual_seed(0)
    return torch.stack([among_hard_pairs(z, has, likeness, n_negatives) for _ in range(draws)]).mean().item()


def test_the_positive_has_the_attribute_and_the_negatives_have_not():
    # Samples 0 and 1 have the only attribute and lie at 1; the others have not and lie at -1: nothing is left to learn.
    has = torch.tensor([[True], [True], [False], [False]])
    z = torch.tensor([9.0, 9, -9, -9])[:, None, None]
    alike = torch.eye(4)
    assert hard_pairs(z, has, alike) == pytest.approx(0, abs=1e-6)
    assert hard_pairs(z[[2, 3, 0, 1]], has, alike) == pytest.approx(0, abs=1e-6)
    swapped = torch.tensor([9.0, -9, 9, -9])[:, None, None]
    assert hard_pairs(swapped, has, alike, draws=20) > 10


def test_unlike_classes_are_positives_and_like_ones_negatives():
    # a, b and c have the attribute, d and e have not. c's class is a's to the last, b's is as unlike as can be; of
    # those without, d's is like all three and e's unlike. Only then is the loss 0: inner products are a b = b c = 100,
    # with d 50, a c = 0, with e 1000.
    z = torch.tensor([[10.0, 10], [10, 0], [10, -10], [5, 0], [100, 0]])[:, None]
    has = torch.tensor([[True], [True], [True], [False], [False]])
    likeness = torch.full((5, 5), -1.0)
    likeness[:4, 3] = likeness[3, :4] = likeness[0, 2] = likeness[2, 0] = 1
    likeness.fill_diagonal_(1)
    assert hard_pairs(z, has, likeness, draws=20) == pytest.approx(0, abs=1e-6)
    assert hard_pairs(z, has, 0 * likeness, draws=20) > 10  # where nothing is known of classes, any may be drawn


def test_nothing_to_compare_costs_nothing():
    z = torch.ones(3, 2, 4, requires_grad=True)
    assert hard_pairs(z, torch.zeros(3, 2, dtype=torch.bool), torch.eye(3)) == 0
    assert hard_pairs(z, torch.ones(3, 2, dtype=torch.bool), torch.eye(3)) == 0
    assert hard_pairs(z, torch.eye(3, 2) > 0, torch.ones(3, 3)) == 0  # one class alone has no other to be positive
