"""Sub-classes from a language model against the names of the classes."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.prompting.chils import CHiLS

CLAIM = "Recognising sub-classes and answering with their class is better than recognising the class by its name."
BASELINE = '"a photo of a {}." of the class'
METRIC = "mean class accuracy, names only"
TASKS = ("tiny-imagenet-photos",)
SEEDS = 10
NOTE = (
    "The 13 classes of Entity13, each shown by the classes of Tiny-ImageNet that belong to it; sub-classes are the "
    "published ten that a language model named for each, not the classes of the photographs. The embedded model in "
    "place of CLIP. A seed draws half of the classes."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Sub-classes weighed by their class, and the classes alone."""
    path = Path(os.environ.get("ZORSE_DATA") or "../shared/data") / "text" / "chils" / "label_sets.json"
    sets = json.loads(path.read_text())
    above = {kind.casefold(): name for name, kinds in sets["entity13-true"].items() for kind in kinds}
    y = np.array([above.get(name.casefold(), "") for name in task.y.tolist()])
    task = replace(task, y=y, descriptions={}).among(set(above.values())).draw(seed)
    kinds = {name: kinds for name, kinds in sets["entity13-10"].items() if name in task.y}
    ours = task.accuracy(CHiLS(scale=task.encoder.logit_scale), descriptions=kinds)
    return ours, task.accuracy(CLIP())
