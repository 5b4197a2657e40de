"""LatEm against SJE."""

import numpy as np

from zorse.benchmark.claims.sje import tuned_sje
from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.latem import LatEm

CLAIM = "A piecewise linear compatibility of several maps outperforms the one bilinear map of SJE on unseen classes."
BASELINE = "SJE"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("tiny160", "awa19")
SEEDS = 3
NOTE = (
    "No difference in either direction here. "
    "At most 25 training samples a class; steps and the number of maps (2 or 4) are chosen on held-out training "
    "classes. Both take features of unit length: standardised, as in the paper, they give LatEm's random start so much "
    "weight that with so few samples unseen classes come out at .11 on tiny160. The features come from a network that "
    "was trained on ImageNet, unseen classes included."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned on training classes."""
    task = thinned(with_unit_features(task), per_class=25)
    model = LatEm(standardize=False, epochs=10, random_state=seed, device="cpu")
    ours = tune(model, {"lr": [3.0, 10.0, 30.0], "n_maps": [2, 4]}, task, folds=3, per_class=10)
    return accuracy_on_unseen(ours, task), tuned_sje(task, seed)


def compare() -> Agreement:
    """The best of all maps as loops over samples, classes and maps."""
    task = load_task("digits")
    X, y = thinned(task, per_class=20).train
    model = LatEm(n_maps=3, epochs=3, random_state=0, device="cpu").fit(X, y, classes=task.classes)
    x = task.test_unseen[0][:50]
    spread = np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    phi = [v / np.linalg.norm(v) for v in task.classes.vectors]
    expected = [[max(v @ W @ p for W in model.weights_) for p in phi] for v in (x - X.mean(axis=0)) / spread]
    difference = float(np.abs(model.scores(x) - np.array(expected)).max())
    return Agreement("the paper's maximum as loops", "scores of unseen digits", difference, 1e-8)
