"""CoCoOp against CoOp on classes that had no shots."""
# mypy: disable-error-code="arg-type"

import numpy as np

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.benchmark.shots import with_shots
from zorse.evaluation import base_and_new, mean_class_accuracy
from zorse.methods.adaptation.cocoop import CoCoOp
from zorse.methods.adaptation.coop import CoOp

CLAIM = "A context that each image shifts carries over to new classes better than CoOp's."
BASELINE = "CoOp"
METRIC = "mean class accuracy on the new half of the classes, 16 shots of each base class"
TASKS = ("cifar10-photos", "pacs-names", "pacs-styles")
SEEDS = 3
NOTE = (
    "A seed draws the shots from the training photographs, which the embedded model was made with; the test "
    "photographs are new to it. Both start from 'a photo of a'. A seed draws which half of the classes "
    "is new. CoCoOp takes steps of 8 images, whose texts are their own. It encodes every "
    "class for every image."
    " Behind CoOp where names are new to the model; nothing else was tried."
)
# The embedded model's cosines are multiplied by 7, not 100, so steps are larger than the paper's.
SETTINGS = {"epochs": 12, "batch_size": 64, "lr": 0.1, "device": "cpu"}


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both among the new classes alone."""
    shots = with_shots(task, 16, seed)
    base, new = base_and_new(shots.table.labels, seed)
    known, told = np.isin(shots.y, base), np.isin(shots.test[1], new)
    X, y = shots.test[0][told], shots.test[1][told]
    more = {"init": "a photo of a", "random_state": seed, **SETTINGS}
    found = []
    for model in (CoCoOp(**more | {"batch_size": 8, "epochs": 4}), CoOp(**more)):
        model.fit(shots.X[known], shots.y[known], classes=shots.table.select(base))
        found.append(mean_class_accuracy(y, model.with_candidates(shots.table.select(new)).predict(X)))
    return found[0], found[1]
