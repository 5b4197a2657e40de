"""Accuracy of a class over how often its name is met in training."""

import numpy as np

from zorse.benchmark.photographs import SPOKEN, TEXTS, PhotoTask, embedded_model
from zorse.benchmark.reproduce import Agreement
from zorse.data.photographs import photographs
from zorse.evaluation import concept_frequency, frequency_fit
from zorse.methods.pretraining.clip import CLIP
from zorse.semantics import class_table

CLAIM = "How accurately a class is recognised rises with the logarithm of how often its name is met in training."
BASELINE = "the same frequencies, dealt out to classes at random"
METRIC = "correlation of a class's accuracy with the logarithm of its frequency"
TASKS = ("caltech101-photos",)
SEEDS = 5
NOTE = (
    "The embedded model, whose training is known: its captions are the class names of the pack's 47,630 training "
    "photographs. Of Caltech-101's classes, named 25 to 1,840 times there, the accuracy on held-out photographs; the "
    "other sets name their own classes about equally often. Counted are photographs, of which training took those of "
    "some sources more often than of others. The frequencies span two decades, and most of them less than one, "
    "where the paper's span many; a photograph goes with each name, so that the joint frequency is the same. The text "
    "tower has also read every name of WordNet. A seed draws half of the classes, which overlap: the interval is of "
    "the draw, not of other classes."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both over the classes of the draw."""
    task = task.draw(seed)
    names = np.unique(task.y)
    told = [photographs(source, "train")[1].tolist() for source in TEXTS]
    counts = concept_frequency(names.tolist(), [SPOKEN.get(name, name) for of_source in told for name in of_source])
    table = class_table(names, task.encoder, templates=task.templates, store=task.store)
    right = CLIP().fit(None, None, classes=table).predict(task.X) == task.y
    accuracy = {name: float(right[task.y == name].mean()) for name in names.tolist()}
    dealt = np.random.default_rng(seed).permutation(list(counts.values())).tolist()
    random = dict(zip(counts, dealt, strict=True))
    return frequency_fit(counts, accuracy).correlation, frequency_fit(random, accuracy).correlation


def compare() -> Agreement:
    """A line through points that lie on it."""
    found = frequency_fit({"a": 10, "b": 100, "c": 1000}, {"a": 0.2, "b": 0.3, "c": 0.4})
    difference = max(abs(found.slope - 0.1), abs(found.intercept - 0.1), abs(found.correlation - 1))
    return Agreement("the definition, by hand", "slope, intercept and correlation of three classes", difference, 1e-12)
