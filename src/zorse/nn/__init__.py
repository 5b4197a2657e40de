"""Network pieces and losses that carry no paper's name."""

from zorse.nn.blocks import fill_linear, like, mlp
from zorse.nn.losses import gaussian_kl, gradient_penalty, reparameterise, wasserstein_between_gaussians

__all__ = [
    "fill_linear",
    "gaussian_kl",
    "gradient_penalty",
    "like",
    "mlp",
    "reparameterise",
    "wasserstein_between_gaussians",
]
