"""SABR with unlabelled samples against SABR without."""

from zorse.benchmark.claims import fclswgan
from zorse.data import ZeroShotTask
from zorse.methods.generative.sabr import SABR

CLAIM = "A second generator that learns from unlabelled samples of unseen classes improves on the inductive method."
BASELINE = "SABR without unlabelled samples"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = (
    "At most 100 training samples a class; widths, steps and step size as in the claim of f-CLSWGAN, 256 latent "
    "dimensions. The unlabelled samples are the test samples of unseen classes, as in the paper. "
    "The features of awa19 and tiny160 come from a network trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    epochs = fclswgan.epochs(task)
    ours, baseline = (
        fclswgan.measured(SABR(epochs=epochs, latent=256, transductive=t, **fclswgan.SMALL), task, seed)
        for t in (True, False)
    )
    return ours, baseline
