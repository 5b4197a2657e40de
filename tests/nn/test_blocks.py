"""Blocks are what their widths say, and are saved and rebuilt from plain layers."""

import pytest
import torch
from torch import nn

from zorse.core.persist import LAYERS
from zorse.nn import fill_linear, mlp


def test_mlp_equals_its_formula():
    net = mlp(5, 7, 3, activation=lambda: nn.LeakyReLU(0.2), out=nn.ReLU())
    (w1, b1), (w2, b2) = ((layer.weight, layer.bias) for layer in net if isinstance(layer, nn.Linear))
    x = torch.randn(4, 5)
    hidden = x @ w1.T + b1
    hidden = torch.maximum(hidden, 0.2 * hidden)
    torch.testing.assert_close(net(x), (hidden @ w2.T + b2).clamp_min(0))
    assert all(type(layer) in LAYERS for layer in net), "cannot be saved"


@pytest.mark.parametrize("widths", [(4, 2), (4, 3, 2), (4, 8, 8, 2)])
def test_no_activation_after_the_last_layer(widths):
    assert [type(layer) for layer in mlp(*widths)][-1] is nn.Linear
    assert len(mlp(*widths)) == 2 * (len(widths) - 1) - 1


def test_fill_linear_draws_weights_and_clears_biases():
    net = mlp(200, 300, 100)
    fill_linear(net, lambda w: nn.init.normal_(w, 0.0, 0.02))
    for layer in (net[0], net[2]):
        assert layer.bias.abs().max() == 0
        # The standard error of a standard deviation from m draws is sigma / sqrt(2 m).
        assert abs(layer.weight.std().item() - 0.02) < 6 * 0.02 / (2 * layer.weight.numel()) ** 0.5
