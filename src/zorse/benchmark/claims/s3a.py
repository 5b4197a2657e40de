"""S3A against CLIP, with a vocabulary that holds far more names than the photographs need."""

import numpy as np

from zorse.benchmark.photographs import TEXTS, PhotoTask, embedded_model
from zorse.data.photographs import photographs
from zorse.evaluation import mean_class_accuracy
from zorse.methods.pretraining.clip import CLIP
from zorse.methods.transductive.s3a import S3A
from zorse.semantics import class_table

CLAIM = "With a large vocabulary, words that clusters of images vote for classify them better than each image's own."
BASELINE = "CLIP"
METRIC = "mean class accuracy over the whole vocabulary, names and unlabelled images only"
TASKS = ("cifar10-photos", "caltech101-photos", "tiny-imagenet-photos")
SEEDS = 5
NOTE = (
    "The vocabulary is every name of the pack's three sets, about 250, in place of tens of thousands; a seed draws "
    "half of a set's classes, whose number is told. The transductive setting: the unlabelled images are the test "
    "images. Defaults throughout, nothing chosen; one template, and the embedded model in place of CLIP. Prompts from "
    "a language model are left out, and the image encoder is not trained: a linear map of its embeddings is."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both from the same texts."""
    names = np.unique(np.concatenate([photographs(source)[1] for source in TEXTS] + [task.y]))
    task = task.draw(seed)
    table = class_table(names, task.encoder, templates=("a photo of a {}.",), store=task.store)
    ours = S3A(n_clusters=len(np.unique(task.y)), random_state=seed, device="cpu")
    ours.fit(None, None, classes=table, unlabelled=task.X)
    plain = CLIP().fit(None, None, classes=table)
    return mean_class_accuracy(task.y, ours.predict(task.X)), mean_class_accuracy(task.y, plain.predict(task.X))
