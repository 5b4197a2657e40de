"""MF-Adapter against Tip-Adapter, which knows whole images alone."""

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.shots import with_shots
from zorse.evaluation import mean_class_accuracy
from zorse.methods.adaptation.mf_adapter import MFAdapter
from zorse.methods.adaptation.tip_adapter import TipAdapter

CLAIM = "With local similarities beside whole images, few shots classify better."
BASELINE = "Tip-Adapter"
METRIC = "mean class accuracy, 8 shots a class, 25 held-out photographs a class"
TASKS = ("cifar10-photos", "pacs-names", "pacs-styles")
SEEDS = 3
NOTE = (
    "The embedded model in place of CLIP, 4 x 4 patches of its last layer. Weights of both by cross-validation on the "
    "shots. A seed draws the shots from the training photographs. Settings were fixed before the first run."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """With patches, and without."""
    shots, test, scale = with_shots(task, 8, seed), task.thinned(25), task.encoder.logit_scale
    grids = [task.encoder.encode_patches(list(files)) for files in (shots.contents, test.contents)]  # type: ignore
    model = MFAdapter(epochs=5, scale=scale, device="cpu", random_state=seed)
    ours = model.fit(grids[0], shots.y, classes=shots.table).predict(grids[1])
    tip = TipAdapter(scale=scale, n_folds=2, random_state=seed).fit(shots.X, shots.y, classes=shots.table)
    plain = tip.predict(test.X.astype(float))
    return mean_class_accuracy(test.y, np.asarray(ours)), mean_class_accuracy(test.y, plain)
