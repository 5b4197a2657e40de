"""KGGAN against f-CLSWGAN."""

from zorse.benchmark.claims import fclswgan
from zorse.data import ZeroShotTask
from zorse.methods.generative.kg_gan import KGGAN

CLAIM = "Codes of knowledge graphs generate better features than the vectors the task comes with."
BASELINE = "f-CLSWGAN with the task's own class vectors"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("tiny160-wordnet", "awa19", "digits")
SEEDS = 3
NOTE = (
    "At most 100 training samples a class; both with the widths, steps and step size of the claim of f-CLSWGAN; what "
    "embeds the graphs has the defaults. tiny160-wordnet has word vectors and WordNet's hierarchy; awa19 (attributes) "
    "and digits have no hierarchy, and classes are joined to their attributes alone. "
    "The features of awa19 and tiny160 come from a network trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    ours = fclswgan.measured(KGGAN(epochs=fclswgan.epochs(task), **fclswgan.SMALL), task, seed)
    return ours, fclswgan.ours(task, seed)
