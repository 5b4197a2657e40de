"""f-VAEGAN-D2 against f-CLSWGAN."""

from zorse.benchmark.claims import _generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.methods.generative.fvaegand2 import FVAEGAND2

CLAIM = "A generator that is also the decoder of an autoencoder makes better features than f-CLSWGAN's."
BASELINE = "f-CLSWGAN"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = _generators.NOTE


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return _generators.h_of(FVAEGAND2, task, seed), _generators.h_of(FCLSWGAN, task, seed)
