"""Network pieces and losses that carry no paper's name."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zorse.nn.blocks import fill_linear as fill_linear
    from zorse.nn.blocks import like as like
    from zorse.nn.blocks import mlp as mlp
    from zorse.nn.critics import wasserstein_critic_loss as wasserstein_critic_loss
    from zorse.nn.divergences import bhattacharyya as bhattacharyya
    from zorse.nn.divergences import kullback_leibler as kullback_leibler
    from zorse.nn.divergences import mmd as mmd
    from zorse.nn.divergences import renyi as renyi
    from zorse.nn.divergences import sharma_mittal as sharma_mittal
    from zorse.nn.divergences import tsallis as tsallis
    from zorse.nn.grouping import centroid_loss as centroid_loss
    from zorse.nn.grouping import class_means as class_means
    from zorse.nn.grouping import mixed as mixed
    from zorse.nn.grouping import nearest_centre as nearest_centre
    from zorse.nn.grouping import supervised_contrastive as supervised_contrastive
    from zorse.nn.grouping import walk_losses as walk_losses
    from zorse.nn.losses import gaussian_kl as gaussian_kl
    from zorse.nn.losses import gradient_penalty as gradient_penalty
    from zorse.nn.losses import reparameterise as reparameterise
    from zorse.nn.losses import wasserstein_between_gaussians as wasserstein_between_gaussians
    from zorse.nn.losses import weighted_l1 as weighted_l1

_HOME = {
    "bhattacharyya": "divergences",
    "centroid_loss": "grouping",
    "class_means": "grouping",
    "fill_linear": "blocks",
    "gaussian_kl": "losses",
    "gradient_penalty": "losses",
    "kullback_leibler": "divergences",
    "like": "blocks",
    "mixed": "grouping",
    "mlp": "blocks",
    "mmd": "divergences",
    "nearest_centre": "grouping",
    "renyi": "divergences",
    "reparameterise": "losses",
    "sharma_mittal": "divergences",
    "supervised_contrastive": "grouping",
    "tsallis": "divergences",
    "walk_losses": "grouping",
    "wasserstein_between_gaussians": "losses",
    "wasserstein_critic_loss": "critics",
    "weighted_l1": "losses",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Lazy: angles between vectors need no torch, and an exported model does without it.
    if name in _HOME:
        return getattr(import_module(f"zorse.nn.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zorse.nn' has no attribute {name!r}")
