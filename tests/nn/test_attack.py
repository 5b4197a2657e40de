import torch

from zorse.nn.attack import sign_attack
from zorse.nn.losses import smoothed_targets


def test_an_attack_steps_up_the_slope_and_jitters():
    f = torch.tensor([[1.0, -2.0, 0.0]], requires_grad=True)
    moved = sign_attack(f * 1, lambda f: (f**2).sum(), eps=0.5)
    torch.testing.assert_close(moved, torch.tensor([[1.5, -2.5, 0.0]]))
    assert not moved.requires_grad
    jittered = sign_attack(f * 1, lambda f: (f**2).sum(), eps=0.0, jitter=0.1) - f.detach()
    assert ((jittered >= 0) & (jittered < 0.1)).all()
    assert jittered.abs().max() > 0


def test_smoothed_targets_share_among_relatives():
    related = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.bool)
    expected = torch.tensor([[0.8, 0.1, 0.1, 0], [0.2, 0.8, 0, 0], [0.2, 0, 0.8, 0], [0, 0, 0, 1.0]])
    torch.testing.assert_close(smoothed_targets(related, 0.2), expected)
