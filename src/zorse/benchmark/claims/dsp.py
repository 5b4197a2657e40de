"""DSP against f-VAEGAN."""

from zorse.benchmark.claims import _generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.dsp import DSP
from zorse.methods.generative.fvaegand2 import FVAEGAND2

CLAIM = "Class vectors that evolve towards what features show improve the generator they condition."
BASELINE = "f-VAEGAN"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = _generators.NOTE


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return _generators.h_of(DSP, task, seed), _generators.h_of(FVAEGAND2, task, seed)
