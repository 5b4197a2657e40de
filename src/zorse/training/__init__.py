"""The one training loop, the one mini-batch sampler, the one softmax head."""

from zorse.training.batches import MiniBatches
from zorse.training.loop import Clock, Turn, train
from zorse.training.softmax import fit_softmax, softmax_regression

__all__ = ["Clock", "MiniBatches", "Turn", "fit_softmax", "softmax_regression", "train"]
