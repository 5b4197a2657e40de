"""TF-VAEGAN against f-VAEGAN."""

from zorse.benchmark.claims import _generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.fvaegand2 import FVAEGAND2
from zorse.methods.generative.tfvaegan import TFVAEGAN

CLAIM = "Feedback from a semantic decoder, and its layers beside the features, improve on f-VAEGAN."
BASELINE = "f-VAEGAN"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19")
SEEDS = 3
NOTE = _generators.NOTE


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return _generators.h_of(TFVAEGAN, task, seed), _generators.h_of(FVAEGAND2, task, seed)
