"""The one training loop, the one mini-batch sampler, the one softmax head."""

from zorse.training.batches import MiniBatches, streamed
from zorse.training.linear import minimise_linear
from zorse.training.loop import Clock, Turn, train
from zorse.training.run import Progress, running
from zorse.training.selection import KeepBest, held_out_classes
from zorse.training.softmax import fit_linear_softmax, fit_softmax, softmax_regression

__all__ = [
    "Clock",
    "KeepBest",
    "MiniBatches",
    "Progress",
    "Turn",
    "fit_linear_softmax",
    "fit_softmax",
    "held_out_classes",
    "minimise_linear",
    "running",
    "softmax_regression",
    "streamed",
    "train",
]
