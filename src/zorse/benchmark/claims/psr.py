"""PSR against the same network without its relations."""

import numpy as np

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.psr import PSR

CLAIM = "Keeping the relations between class vectors in the embedding does better than embedding each class by itself."
BASELINE = "identical pairs alone"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("tiny160", "awa19")
SEEDS = 3
NOTE = (
    "At most 25 training samples a class; 256 hidden units, 20 epochs. Both sides choose the weight of reconstruction, "
    "PSR also tau and the weights of its relations, on held-out training classes. The features come from a network "
    "that was trained on ImageNet, unseen classes included."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """Both tuned on training classes."""
    task = thinned(task, per_class=25)
    model = PSR(hidden=256, epochs=20, lr=2e-3, batch_size=128, random_state=seed, device="cpu")
    alone = {"similar": [0.0], "dissimilar": [0.0], "reconstruct": [0.0, 0.1]}
    related = {"similar": [0.1, 1.0], "dissimilar": [0.01, 0.1], "reconstruct": [0.1], "tau": [0.3, 0.6]}
    ours, baseline = (tune(model, grid, task, folds=3, per_class=10) for grid in (related, alone))
    return accuracy_on_unseen(ours, task), accuracy_on_unseen(baseline, task)


def compare() -> Agreement:
    """The network and the cosine written out, in double precision."""
    task = load_task("digits")
    X, y = thinned(task, per_class=20).train
    model = PSR(hidden=20, epochs=2, random_state=0, device="cpu").fit(X, y, classes=task.classes)
    W1, b1, W2, b2 = (p.double().numpy() for p in model.networks_["encode"].parameters())
    unit = lambda v: v / max(np.linalg.norm(v), 1e-300)  # noqa: E731
    places = [np.maximum(W2 @ np.maximum(W1 @ unit(a) + b1, 0) + b2, 0) for a in task.classes.vectors]
    x = task.test_unseen[0][:50]
    expected = np.array([[unit(v) @ unit(place) for place in places] for v in x])
    difference = float(np.abs(model.scores(x) - expected).max())
    return Agreement("the paper's network as loops", "scores of unseen digits", difference, 1e-8)
