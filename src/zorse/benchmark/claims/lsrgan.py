"""LsrGAN against f-CLSWGAN."""

from zorse.benchmark.claims import _generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.methods.generative.lsrgan import LsrGAN

CLAIM = "Generated classes as similar to seen ones as their vectors are improve on f-CLSWGAN."
BASELINE = "f-CLSWGAN"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = _generators.NOTE


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return _generators.h_of(LsrGAN, task, seed), _generators.h_of(FCLSWGAN, task, seed)
