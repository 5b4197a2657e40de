"""cycle-CLSWGAN against f-CLSWGAN."""

from zorse.benchmark.claims import fclswgan
from zorse.data import ZeroShotTask
from zorse.methods.generative.cycle_clswgan import CycleCLSWGAN

CLAIM = "Features that must give their class vector back make a better generalised classifier than f-CLSWGAN's."
BASELINE = "f-CLSWGAN"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = (
    "At most 100 training samples a class; f-CLSWGAN as in its own claim, the other with the same widths, steps and "
    "step size. "
    "The features of awa19 and tiny160 come from a network trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    epochs = fclswgan.epochs(task)
    return fclswgan.measured(CycleCLSWGAN(epochs=epochs, **fclswgan.SMALL), task, seed), fclswgan.ours(task, seed)
