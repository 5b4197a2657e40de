"""SABR against f-CLSWGAN."""

from zorse.benchmark.claims import fclswgan
from zorse.data import ZeroShotTask
from zorse.methods.generative.sabr import SABR

CLAIM = "Generating in a space that keeps similarities of classes makes a better classifier than generating features."
BASELINE = "f-CLSWGAN in feature space"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = (
    "At most 100 training samples a class; f-CLSWGAN as in its own claim, the other with the same widths, steps and "
    "step size and 256 latent dimensions. "
    "The features of awa19 and tiny160 come from a network trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    epochs = fclswgan.epochs(task)
    ours = fclswgan.measured(SABR(epochs=epochs, latent=256, **fclswgan.SMALL), task, seed)
    return ours, fclswgan.ours(task, seed)
