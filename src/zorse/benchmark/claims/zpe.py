"""Weights of a large pool of templates against equal weights."""

import json
import os
from pathlib import Path

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.methods.prompting.zpe import ZPE

CLAIM = "Weighting the templates of a large pool by their confidence is better than weighing all alike."
BASELINE = "equal weights of the same pool"
METRIC = "mean class accuracy, names only"
TASKS = ("cifar10-photos", "caltech101-photos")
SEEDS = 5
POOL = ("ImageNet", "CIFAR10", "Caltech101", "DescribableTextures", "EuroSAT", "Food101", "OxfordPets", "UCF101")
NOTE = (
    "The pool is CLIP's templates for eight data sets, most of them wrong for the photographs; weights are the "
    "softmax of the scores (the default, the scores themselves, was not run), corrected on the test photographs "
    "alone, as no pretraining images are at hand. With the embedded model in place of CLIP, whose text tower was "
    "taught to give a name the same vector in any template. A seed draws half of the classes."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Weights by score, and equal ones."""
    task, pool = task.draw(seed), templates()
    scale = task.encoder.logit_scale
    ours, equal = (task.accuracy(ZPE(how, scale=scale), templates=pool) for how in ("softmax", "equal"))
    return ours, equal


def templates() -> list[str]:
    """Every distinct template of the data sets in ``POOL``."""
    path = Path(os.environ.get("ZORSE_DATA") or "../shared/data") / "text" / "openai_clip_prompts.json"
    of = json.loads(path.read_text())
    return list(dict.fromkeys(template for name in POOL for template in of[name]["templates"]))
