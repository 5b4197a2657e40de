"""Network pieces and losses that carry no paper's name."""

from zorse.nn.blocks import fill_linear, like, mlp
from zorse.nn.critics import wasserstein_critic_loss
from zorse.nn.divergences import bhattacharyya, kullback_leibler, mmd, renyi, sharma_mittal, tsallis
from zorse.nn.grouping import centroid_loss, class_means, mixed, nearest_centre, supervised_contrastive, walk_losses
from zorse.nn.losses import gaussian_kl, gradient_penalty, reparameterise, wasserstein_between_gaussians, weighted_l1

__all__ = [
    "bhattacharyya",
    "centroid_loss",
    "class_means",
    "fill_linear",
    "gaussian_kl",
    "gradient_penalty",
    "kullback_leibler",
    "like",
    "mixed",
    "mlp",
    "mmd",
    "nearest_centre",
    "renyi",
    "reparameterise",
    "sharma_mittal",
    "supervised_contrastive",
    "tsallis",
    "walk_losses",
    "wasserstein_between_gaussians",
    "wasserstein_critic_loss",
    "weighted_l1",
]
