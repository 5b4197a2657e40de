"""CuPL's sentences against hand-written templates."""

import numpy as np
import torch

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.reproduce import Agreement
from zorse.core import ClassTable
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.prompting.cupl import CuPL

CLAIM = "Sentences that a language model writes about each class classify better than hand-written templates."
BASELINE = "CLIP's templates for the data set"
METRIC = "mean class accuracy, names only"
TASKS = ("cifar10-photos", "caltech101-photos")
SEEDS = 10
NOTE = (
    "CuPL's published base sentences and CLIP's published templates, with the embedded model in place of CLIP: its "
    "text tower knows names and dictionary glosses, has hardly read sentences, and cuts the longest of them (7 % of "
    "CuPL's) after 32 word pieces. A seed draws half of the classes."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Sentences alone, and the data set's templates alone."""
    task = task.draw(seed)
    return task.accuracy(CuPL(), descriptions=task.descriptions), task.accuracy(CLIP(), templates=task.templates)


def compare() -> Agreement:
    """The released algorithm, one class at a time in torch."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(50, 16))
    prompts = tuple(rng.normal(size=(size, 16)) for size in (3, 1, 10, 30))
    weights = []
    for sentences in prompts:
        embedded = torch.from_numpy(sentences)
        mean = (embedded / embedded.norm(dim=-1, keepdim=True)).mean(dim=0)
        weights.append(mean / mean.norm())
    unit = torch.from_numpy(images) / torch.from_numpy(images).norm(dim=-1, keepdim=True)
    logits = 100.0 * unit @ torch.stack(weights, dim=1)
    ours = CuPL().fit(None, None, classes=ClassTable(np.arange(4), np.zeros((4, 16)), prompts=prompts))
    return Agreement(
        "the released algorithm's steps in torch, a class at a time",
        "logits of 50 embeddings over 4 classes with 1 to 30 sentences",
        float(np.abs(ours.scores(images) - logits.numpy()).max()),
        1e-9,
    )
