"""Tip-Adapter against zero-shot CLIP."""

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.shots import with_shots
from zorse.evaluation import mean_class_accuracy
from zorse.methods.adaptation.tip_adapter import TipAdapter
from zorse.methods.pretraining.clip import CLIP

CLAIM = "A cache of 16 shots a class, without training, classifies better than names alone."
BASELINE = "zero-shot CLIP"
METRIC = "mean class accuracy, 16 shots a class"
TASKS = ("cifar10-photos", "caltech101-photos", "tiny-imagenet-photos", "pacs-styles")
SEEDS = 3
NOTE = (
    "The embedded model in place of CLIP, CLIP's own templates; alpha and beta by cross-validation on the shots. A "
    "seed draws the shots from the training photographs; the test photographs are always the same."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Tip-Adapter without training, and CLIP."""
    shots = with_shots(task, 16, seed)
    (X, y), scale = shots.test, task.encoder.logit_scale
    ours = TipAdapter(scale=scale, random_state=seed).fit(shots.X, shots.y, classes=shots.table)
    zero = CLIP(scale).fit(None, None, classes=shots.table)
    return mean_class_accuracy(y, ours.predict(X)), mean_class_accuracy(y, zero.predict(X))
