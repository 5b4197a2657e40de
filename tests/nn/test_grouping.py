"""Losses over classes against loops, and what must not change them."""

import math

import pytest
import torch

from zorse.nn import centroid_loss, class_means, nearest_centre, supervised_contrastive, walk_losses, weighted_l1


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(8, 4, generator=generator, dtype=torch.float64)
    return x, torch.tensor([0, 2, 0, 2, 2, 1, 4, 0]), torch.randn(5, 4, generator=generator, dtype=torch.float64)


def test_class_means_are_means_and_tell_who_is_absent(rows):
    x, y, _ = rows
    means, present = class_means(x, y, 5)
    assert present.tolist() == [True, True, True, False, True]
    for c in (0, 1, 2, 4):
        torch.testing.assert_close(means[c], x[y == c].mean(0))
    assert (means[3] == 0).all()


@pytest.mark.parametrize("squared", [True, False])
def test_centroid_loss_agrees_with_a_loop_over_present_classes(rows, squared):
    x, y, centroids = rows
    apart = [(x[y == c].mean(0) - centroids[c]).square().sum().item() for c in (0, 1, 2, 4)]
    expected = sum(a if squared else math.sqrt(a) for a in apart) / 4
    assert centroid_loss(x, y, centroids, squared).item() == pytest.approx(expected)
    order = torch.randperm(8)
    torch.testing.assert_close(centroid_loss(x[order], y[order], centroids, squared).item(), expected)
    own = class_means(x, y, 5)[0].requires_grad_()
    centroid_loss(x, y, own, squared).backward()
    assert torch.isfinite(own.grad).all()


def test_nearest_centre_looks_among_its_own_class_alone(rows):
    x, y, _ = rows
    centres = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = [min((row - c).square().sum().item() for c in centres[label]) for row, label in zip(x, y)]
    assert nearest_centre(x, y, centres).tolist() == pytest.approx(expected)
    centres[3] = x[0]  # nobody is of class 3
    assert nearest_centre(x, y, centres).tolist() == pytest.approx(expected)


def test_supervised_contrastive_agrees_with_loops(rows):
    x, y, _ = rows
    unit = [r / r.norm() for r in x]
    total = []
    for i in range(8):
        others = [j for j in range(8) if j != i]
        weight = {j: math.exp((unit[i] @ unit[j]).item() / 0.3) for j in others}
        positive = [j for j in others if y[j] == y[i]]
        if positive:
            total.append(-sum(math.log(weight[j] / sum(weight.values())) for j in positive) / len(positive))
    assert len(total) == 6  # classes 1 and 4 have one row each
    assert supervised_contrastive(x, y, 0.3).item() == pytest.approx(sum(total) / 6)
    asked = torch.tensor([True, False, False, True, False, True, False, False])
    expected = (total[0] + total[3]) / 2
    assert supervised_contrastive(x, y, 0.3, anchors=asked).item() == pytest.approx(expected)


def test_supervised_contrastive_is_blind_to_length_order_and_the_names_of_classes(rows):
    x, y, _ = rows
    loss = supervised_contrastive(x, y, 0.3)
    order = torch.tensor([3, 1, 0, 2, 7, 5, 6, 4])
    lengths = torch.arange(1.0, 9.0)[:, None]
    torch.testing.assert_close(supervised_contrastive((x * lengths)[order], 9 - y[order], 0.3), loss)
    alone = x[:3].clone().requires_grad_()
    none = supervised_contrastive(alone, torch.tensor([0, 1, 2]), 0.3)
    assert none == 0
    none.backward()
    assert (alone.grad == 0).all()


def softmax(values):
    total = sum(math.exp(v) for v in values)
    return [math.exp(v) / total for v in values]


@pytest.mark.parametrize("home", [True, False])
def test_walks_agree_with_loops_over_places(home):
    generator = torch.Generator().manual_seed(6)
    points, centres = torch.randn(5, 2, generator=generator), torch.randn(3, 2, generator=generator)

    def near(a, b):
        return -(a - b).square().sum().item()

    out = [softmax([near(c, p) for p in points]) for c in centres]
    back = [softmax([near(p, c) for c in centres]) for p in points]
    between = [softmax([near(points[i], points[j]) if i != j else -1000 for j in range(5)]) for i in range(5)]
    walk = 0.0
    for steps in range(4):
        ends = []
        for c in range(3):
            at = out[c]
            for _ in range(steps):
                at = [sum(at[i] * between[i][j] for i in range(5)) for j in range(5)]
            reached = [sum(at[i] * back[i][k] for i in range(5)) for k in range(3)]
            ends += [reached[c]] if home else reached
        walk -= 0.7**steps * sum(map(math.log, ends)) / len(ends)
    visit = -sum(math.log(sum(out[c][j] for c in range(3)) / 3) for j in range(5)) / 5
    ours = walk_losses(points, centres, 3, 0.7, home)
    assert [v.item() for v in ours] == pytest.approx([walk, visit], rel=1e-4)


def test_walks_are_blind_to_place_and_order_and_know_home_from_anywhere():
    points = torch.tensor([[0.0, 0], [0, 1], [9, 0], [9, 1]])
    centres = torch.tensor([[0.0, 0.5], [9, 0.5]])
    home, visit = walk_losses(points, centres, 2, 0.7, True)
    torch.testing.assert_close(walk_losses(points[[2, 0, 3, 1]] + 5, centres[[1, 0]] + 5, 2, 0.7, True), (home, visit))
    assert home == pytest.approx(0, abs=1e-4)  # two clusters, each around its own centre
    assert visit == pytest.approx(math.log(4), abs=1e-4)  # and every point is reached
    same = torch.zeros(2, 2)
    anywhere, _ = walk_losses(points[:2], same, 0, 0.7, False)
    assert anywhere == pytest.approx(math.log(2), abs=1e-5)


def test_weighted_l1_agrees_with_loops_and_is_smooth_where_both_are_equal(rows):
    x, _, _ = rows
    q = x.flip(0) * 0.5
    total = 0.0
    for r, s in zip(x.tolist(), q.tolist()):
        length = math.sqrt(sum((a - b) ** 2 for a, b in zip(r, s)))
        total += sum((a - b) ** 2 / length * abs(a - b) for a, b in zip(r, s))
    assert weighted_l1(x, q).item() == pytest.approx(total / 8)
    torch.testing.assert_close(weighted_l1(q, x), weighted_l1(x, q))
    torch.testing.assert_close(weighted_l1(3 * x, 3 * q), 9 * weighted_l1(x, q))
    same = x.clone().requires_grad_()
    weighted_l1(same, x).backward()
    assert (same.grad == 0).all()
