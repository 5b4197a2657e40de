"""CMT with novelty detection against CMT without."""

import numpy as np
from sklearn.model_selection import GroupKFold

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.benchmark.tune import tune
from zorse.data import ZeroShotTask
from zorse.evaluation import evaluate, harmonic_mean, mean_class_accuracy
from zorse.methods.compatibility.cmt import CMT

CLAIM = "Asking first whether a sample is novel lets one model recognise both seen and unseen classes."
BASELINE = "nearest class vector, no novelty detection"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("awa19", "tiny160", "digits")
SEEDS = 3
NOTE = (
    "Features of unit length, at most 25 training samples a class. The step is chosen for accuracy on held-out "
    "training classes and is the same on both sides; the share of outliers is the one with the best harmonic mean over "
    "held-out and remaining training classes. The features of awa19 and tiny160 come from a network that was trained "
    "on ImageNet, unseen classes included."
)
SHARES = (0.05, 0.2, 0.5, 0.8)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H with novelty detection and without, of the same network."""
    task = thinned(with_unit_features(task), per_class=25)
    model = CMT(hidden=200, epochs=15, weight_decay=0.0, C=10.0, random_state=seed, device="cpu")
    plain = tune(model, {"lr": [0.003, 0.01, 0.03]}, task, folds=3, per_class=10)
    ours = plain.get_params() | {"novelty": _share(CMT(**plain.get_params()), task)}
    return evaluate(CMT(**ours).fit(*task.train, classes=task.classes), task).harmonic, evaluate(plain, task).harmonic


def _share(model: CMT, task: ZeroShotTask) -> float:
    """The share of outliers with the best H: a fold's classes are unseen, a third of the others' samples held out."""
    X, y = task.train
    total = np.zeros(len(SHARES))
    for train, test in GroupKFold(3).split(X, y, groups=y):
        kept, rest = train[np.arange(len(train)) % 3 > 0], train[np.arange(len(train)) % 3 == 0]
        for i, share in enumerate(SHARES):
            fitted = model.set_params(novelty=share).fit(X[kept], y[kept], classes=task.classes)
            fitted = fitted.with_candidates(np.unique(y))
            total[i] += harmonic_mean(*(mean_class_accuracy(y[part], fitted.predict(X[part])) for part in (rest, test)))
    return SHARES[int(total.argmax())]


def compare() -> Agreement:
    """The network and distances written out."""
    task = load_task("digits")
    X, y = thinned(task, per_class=20).train
    model = CMT(hidden=20, epochs=2, random_state=0, device="cpu").fit(X, y, classes=task.classes)
    W1, b1, W2, b2 = (p.double().numpy() for p in model.networks_["embed"].parameters())
    x = task.test_unseen[0][:50]
    words = [v / np.linalg.norm(v) for v in task.classes.vectors]
    expected = [[-((W2 @ np.tanh(W1 @ v + b1) + b2 - w) ** 2).sum() for w in words] for v in x]
    difference = float(np.abs(model.scores(x) - np.array(expected)).max())
    return Agreement("the paper's network as loops", "scores of unseen digits", difference, 1e-8)
