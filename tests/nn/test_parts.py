import numpy as np
import pytest
import torch

from zorse.nn.parts import box, compactness, overlap, places

MAPS = torch.rand(3, 2, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_compactness_written_as_loops():
    total = []
    for maps in MAPS.numpy():
        for one in maps:
            i0, j0 = np.unravel_index(one.argmax(), one.shape)
            spread = sum(one[i, j] * (((i - i0) / 4) ** 2 + ((j - j0) / 5) ** 2) for i in range(4) for j in range(5))
            total.append(spread / one.sum())
    assert compactness(MAPS).item() == pytest.approx(np.mean(total))
    assert compactness(0.01 * MAPS).item() == pytest.approx(np.mean(total))  # fading away brings nothing


def test_overlap_written_as_loops():
    maps = torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    total = []
    for image in maps.numpy():
        for m in range(3):
            for i in range(2):
                for j in range(2):
                    strongest = max(image[other, i, j] for other in range(3) if other != m)
                    total.append(image[m, i, j] * max(0, strongest - 0.2))
    assert overlap(maps, 0.2).item() == pytest.approx(np.mean(total))
    assert overlap(maps[:, :1], 0.2).item() == 0
    apart = torch.eye(4, dtype=torch.float64).reshape(1, 4, 2, 2)
    assert overlap(apart, 0.2).item() == 0


def test_a_box_is_one_inside_and_zero_outside_and_follows_its_centre():
    centre = torch.tensor([[1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    mask = box(centre, 0.5, 4, 4)
    np.testing.assert_allclose(mask[0].detach(), np.outer([1, 1, 0, 0], [0, 0, 1, 1]), atol=0.02)
    edge = (mask * places(4, 4, mask)[..., 0]).sum()  # rows inside, counted by their number
    assert torch.autograd.grad(edge, centre)[0][0, 0] > 0
    assert (box(centre, 1.0, 4, 4)[0].sum() > mask[0].sum()).item()


def test_places_are_the_middles_of_patches():
    assert places(2, 3, MAPS).reshape(-1, 2).tolist() == [
        [0.5, 0.5], [0.5, 1.5], [0.5, 2.5], [1.5, 0.5], [1.5, 1.5], [1.5, 2.5]
    ]  # fmt: skip
