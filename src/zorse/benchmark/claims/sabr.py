"""SABR against f-CLSWGAN."""

from zorse.benchmark import generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.methods.generative.sabr import SABR

CLAIM = "Generating in a space that keeps similarities of classes makes a better classifier than generating features."
BASELINE = "f-CLSWGAN in feature space"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = generators.TASKS
SEEDS = 3
NOTE = generators.NOTE + " SABR has 256 latent dimensions."


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return generators.small_h(SABR, task, seed, latent=256), generators.small_h(FCLSWGAN, task, seed)
