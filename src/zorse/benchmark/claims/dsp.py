"""DSP against f-VAEGAN."""

from zorse.benchmark import generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.dsp import DSP
from zorse.methods.generative.fvaegand2 import FVAEGAND2

CLAIM = "Class vectors that evolve towards what features show improve the generator they condition."
BASELINE = "f-VAEGAN"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = generators.TASKS
SEEDS = 3
NOTE = generators.NOTE


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return generators.small_h(DSP, task, seed), generators.small_h(FVAEGAND2, task, seed)
