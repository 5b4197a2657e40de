"""CE-GZSL against f-CLSWGAN."""

from zorse.benchmark.claims import fclswgan
from zorse.data import ZeroShotTask
from zorse.methods.generative.cegzsl import CEGZSL

CLAIM = "A contrastive embedding is a better space for the final classifier than the features of f-CLSWGAN."
BASELINE = "f-CLSWGAN"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
SMALL = fclswgan.SMALL | {"embedding": 256, "projection": 64, "comparator": 128, "batch_size": 128}
NOTE = (
    "At most 100 training samples a class; f-CLSWGAN as in its own claim, the other with the same widths, steps and "
    "step size. "
    "The features of awa19 and tiny160 come from a network trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    epochs = fclswgan.epochs(task)
    return fclswgan.measured(CEGZSL(**SMALL, epochs=2 * epochs), task, seed), fclswgan.ours(task, seed)
