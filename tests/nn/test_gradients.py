import numpy as np
import pytest
import torch

from zorse.nn.gradients import without_conflict


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_agrees_with_the_papers_cases_written_as_loops(strength):
    rng = np.random.default_rng(0)
    kinds = set()
    for _ in range(20):
        a, b = rng.normal(size=(2, 3, 4))
        dot = sum(a[i, j] * b[i, j] for i in range(3) for j in range(4))
        length = sum(b[i, j] ** 2 for i in range(3) for j in range(4)) ** 0.5
        kinds.add(dot >= 0)
        expected = a if dot >= 0 else a - strength * (dot / length) * (b / length)
        found = without_conflict(torch.tensor(a), torch.tensor(b), strength=strength)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    assert kinds == {True, False}


def test_what_is_left_no_longer_conflicts():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 50, 7, generator=generator, dtype=torch.float64)
    for one, other in zip(a, b, strict=True):
        assert float(without_conflict(one, other) @ other) >= -1e-12


def test_nothing_known_takes_nothing_out():
    a = torch.tensor([1.0, -2.0])
    assert torch.equal(without_conflict(a, torch.zeros(2)), a)
