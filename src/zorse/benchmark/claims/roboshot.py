"""RoboShot against zero-shot classification, by its worst group."""

import numpy as np

from zorse.benchmark.photographs import embedded_model
from zorse.evaluation import worst_group_accuracy
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.prompting.roboshot import RoboShot
from zorse.semantics import class_table

CLAIM = "Without the directions that insights call harmful, the worst group is classified better."
BASELINE = "CLIP"
METRIC = "accuracy of the worst group of class and style, names and insights only"
TASKS = ("pacs-photos",)
SEEDS = 3
NOTE = (
    "Groups are the seven classes of PACS in four styles. Harmful insights are the six pairs of styles, helpful "
    "ones six pairs of what tells these classes apart, written before any run. A seed above 0 draws half of the "
    "images. The embedded model in place of CLIP; its text tower knows names and glosses, and has hardly read "
    "sentences."
)
STYLES = ("a photo", "an art painting", "a cartoon", "a sketch")
HARMFUL = tuple((a, b) for i, a in enumerate(STYLES) for b in STYLES[i + 1 :])
HELPFUL = (
    ("an animal with four legs", "a building with windows"),
    ("a long trunk", "a long neck"),
    ("hooves and a mane", "paws and fur"),
    ("a human face", "an animal's face"),
    ("strings and a wooden body", "a roof and a door"),
    ("a small pet", "a very large animal"),
)


inputs = embedded_model


def run(task, seed: int) -> tuple[float, float]:
    """Both from the same names."""
    X, y, style, encoder, store = task
    rng = np.random.default_rng(seed)
    kept = np.arange(len(y)) if seed == 0 else np.sort(rng.permutation(len(y))[: len(y) // 2])
    X, y, groups = X[kept], y[kept], np.char.add(np.char.add(y[kept], ", "), style[kept])
    table = class_table(np.unique(y), encoder, templates=("a photo of a {}",), store=store)
    harmful, helpful = (
        np.asarray(encoder.encode_text([text for pair in pairs for text in pair])).reshape(len(pairs), 2, -1)
        for pairs in (HARMFUL, HELPFUL)
    )
    ours = RoboShot(harmful, helpful).fit(None, None, classes=table)
    plain = CLIP().fit(None, None, classes=table)
    worst = (worst_group_accuracy(y, model.predict(X), groups) for model in (ours, plain))
    return next(worst), next(worst)
