"""The one training loop, the one mini-batch sampler, the one softmax head."""

from zorse.training.batches import MiniBatches, streamed
from zorse.training.linear import minimise_hinge, minimise_linear
from zorse.training.loop import Clock, Turn, train
from zorse.training.run import Progress, running
from zorse.training.selection import KeepBest, held_out_classes
from zorse.training.softmax import fit_linear_softmax, fit_softmax, softmax_regression
from zorse.training.weights import between, chosen, follow, rate_groups, warm_cosine

__all__ = [
    "Clock",
    "KeepBest",
    "MiniBatches",
    "Progress",
    "Turn",
    "between",
    "chosen",
    "fit_linear_softmax",
    "fit_softmax",
    "follow",
    "held_out_classes",
    "minimise_hinge",
    "minimise_linear",
    "rate_groups",
    "running",
    "softmax_regression",
    "streamed",
    "train",
    "warm_cosine",
]
