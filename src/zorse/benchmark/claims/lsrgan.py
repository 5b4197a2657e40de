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
GRID = {"similarity": [0.002, 0.02, 0.2, 20.0]}
NOTE = (
    _generators.NOTE + " The weight of the semantic regularised loss (0.002, 0.02, 0.2 or 20) has the best H on "
    "held-out training classes of each split. With the authors' 20, in whose code the loss has no gradient, H was "
    ".009 against .153 in an earlier run: real class means break its bounds as well (all of them on digits and "
    "tiny160, 85 % on awa19), so that what it makes for unseen classes resembles no sample, and none goes there."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    best = _generators.chosen(LsrGAN, task, GRID)
    return _generators.h_of(LsrGAN, task, seed, **best), _generators.h_of(FCLSWGAN, task, seed)
