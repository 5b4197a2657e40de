"""OntoZSL against f-CLSWGAN."""

from zorse.benchmark.claims import _generators
from zorse.data import ZeroShotTask
from zorse.methods.generative.fclswgan import FCLSWGAN
from zorse.methods.generative.ontozsl import OntoZSL

CLAIM = "Class vectors learned from an ontology generate better features than the vectors the task comes with."
BASELINE = "f-CLSWGAN with the task's own class vectors"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("awa19", "tiny160-wordnet")
SEEDS = 3
NOTE = (
    _generators.NOTE + " tiny160-wordnet has word vectors and WordNet's hierarchy; awa19 (attributes) has no "
    "hierarchy, and its classes are joined to their attributes alone; 50 entries of either kind, "
    "learned in 300 epochs, embed the ontology."
)
SHAPE = {"dim": 50, "ontology_epochs": 300}


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    return _generators.h_of(OntoZSL, task, seed, **SHAPE), _generators.h_of(FCLSWGAN, task, seed)
