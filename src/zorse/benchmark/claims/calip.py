"""CALIP's attention against the same scores without it."""

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.reproduce import Agreement
from zorse.core import ClassTable
from zorse.evaluation import mean_class_accuracy
from zorse.methods.prompting.calip import CALIP
from zorse.semantics import class_table

CLAIM = "Attention without parameters between patches and class texts improves CLIP's zero-shot prediction."
BASELINE = "CLIP on the mean of the same patches"
METRIC = "mean class accuracy, names only"
TASKS = ("cifar10-photos", "caltech101-photos")
SEEDS = 3
NOTE = (
    "The published weights for ImageNet (1.12 and 0.02), where the paper searches for them on each data set's labels; "
    "CLIP's templates, and the embedded model in place of CLIP, whose image vector is the mean of 4 x 4 patches. "
    "At most 600 photographs, spread evenly over classes. A seed draws half of the classes."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both from the same patches and texts."""
    task = task.thinned(max(1, 600 // len(np.unique(task.y)))).draw(seed)
    assert task.contents is not None
    patches = task.encoder.encode_patches(list(task.contents))  # type: ignore[attr-defined]
    table = class_table(np.unique(task.y), task.encoder, templates=task.templates, store=task.store)
    ours, plain = (
        mean_class_accuracy(task.y, model.fit(None, None, classes=table).predict(patches))
        for model in (CALIP(), CALIP(text_weight=0.0, image_weight=0.0))
    )
    return ours, plain


def compare() -> Agreement:
    """The equations as loops over images and classes."""
    rng = np.random.default_rng(0)
    X, texts = rng.normal(size=(6, 3, 3, 8)), rng.normal(size=(5, 8))
    F_t = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    expected = []
    for image in X.reshape(6, 9, 8):
        F_s = image / np.linalg.norm(image, axis=1, keepdims=True)
        F_v = F_s.mean(axis=0) / np.linalg.norm(F_s.mean(axis=0))
        A = np.exp(F_s @ F_t.T / 0.5)
        looking = (A / A.sum(axis=1, keepdims=True)) @ F_t
        pooled = looking.mean(axis=0) + looking.max(axis=0)
        seen = [sum(A[p, c] * F_s[p] for p in range(9)) / A[:, c].sum() for c in range(5)]
        expected.append([F_v @ F_t[c] + 1.12 * F_v @ seen[c] + 0.02 * pooled @ F_t[c] for c in range(5)])
    ours = CALIP(scale=1.0).fit(None, None, classes=ClassTable(np.arange(5), texts)).scores(X)
    return Agreement(
        "the paper's equations as loops over images and classes",
        "scores of 6 images of 3 x 3 patches over 5 classes",
        float(np.abs(ours - np.array(expected)).max()),
        1e-6,
    )
