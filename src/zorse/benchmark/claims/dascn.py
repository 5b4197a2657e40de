"""DASCN against f-CLSWGAN."""

from zorse.benchmark import generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.dascn import DASCN
from zorse.methods.generative.fclswgan import FCLSWGAN

CLAIM = "Features that a second GAN can turn back into class vectors make a better generalised classifier."
BASELINE = "f-CLSWGAN"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = generators.TASKS
SEEDS = 3
NOTE = generators.NOTE


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return generators.small_h(DASCN, task, seed), generators.small_h(FCLSWGAN, task, seed)
