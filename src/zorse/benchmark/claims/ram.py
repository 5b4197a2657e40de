"""RAM against zero-shot similarity, on tags that nobody has tagged."""

from typing import cast

import numpy as np

from zorse.benchmark.looking import tagging_unseen
from zorse.benchmark.patches import redrawn_tags
from zorse.benchmark.photographs import embedded_model
from zorse.core import ClassTable
from zorse.data import TagTask
from zorse.encoders import DualEncoder, load_encoder
from zorse.evaluation import mean_image_average_precision
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.pretraining.ram import RAM
from zorse.semantics import class_table

CLAIM = "A tagger trained on some tags, described by texts, finds tags it was never trained on better than CLIP does."
BASELINE = "CLIP: cosines with the same texts"
METRIC = "mean average precision of an image's unseen tags (MiAP)"
TASKS = ("coco-tags",)
SEEDS = 3
NOTE = (
    "208 COCO images to train on, where the paper has 14 million; embeddings of the embedded model in place of a "
    "network that is trained as a whole. Texts are those of the general ensemble; RAM weighs each tag's, CLIP takes "
    "their mean. The parameters of the paper's sequel, with lr for a linear map."
)


inputs = embedded_model


def run(task: TagTask, seed: int) -> tuple[float, float]:
    """Both see the mean of an image's patches."""
    task = redrawn_tags(task, seed)
    X = task.X.mean(axis=(1, 2)) if task.X.ndim == 4 else task.X
    encoder = cast(DualEncoder, load_encoder("mini"))
    table = class_table(task.classes.labels, encoder, templates="ensemble")
    task = TagTask(X, task.Y, table, task.seen, task.train_index, task.test_index, task.name)
    ours = RAM(random_state=seed).fit(*task.train, classes=task.classes)
    return tagging_unseen(ours, task), zero_shot(task, task.classes)


def zero_shot(task: TagTask, table: ClassTable) -> float:
    """MiAP of the unseen tags by cosine."""
    X, Y = task.test
    unseen = np.isin(table.labels, task.unseen)
    return mean_image_average_precision(Y[:, unseen], CLIP().fit(None, None, classes=table).scores(X)[:, unseen])
