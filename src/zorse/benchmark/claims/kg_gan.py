"""KG-GAN against f-CLSWGAN."""

from zorse.benchmark.claims import _generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.methods.generative.kg_gan import KGGAN

CLAIM = "Codes of knowledge graphs generate better features than the vectors the task comes with."
BASELINE = "f-CLSWGAN with the task's own class vectors"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("awa19", "tiny160-wordnet")
SEEDS = 3
NOTE = (
    _generators.NOTE + " tiny160-wordnet has word vectors and WordNet's hierarchy; awa19 (attributes) has no "
    "hierarchy, and its classes are joined to their attributes alone; two layers of width 128, "
    "fitted in 150 epochs, encode each graph in 64 entries."
)
SHAPE = {"dim": 64, "graph_hidden": 128, "graph_epochs": 150}


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return _generators.h_of(KGGAN, task, seed, **SHAPE), _generators.h_of(FCLSWGAN, task, seed)
