"""f-CLSWGAN against a compatibility method on the same features."""

from typing import Any

import numpy as np

from zorse.benchmark.claims.eszsl import tuned_eszsl
from zorse.benchmark.tasks import thinned, with_unit_features
from zorse.core import ZeroShotClassifier
from zorse.data import ZeroShotTask
from zorse.evaluation import harmonic_mean, mean_class_accuracy
from zorse.methods.generative.fclswgan import FCLSWGAN

CLAIM = "A softmax that also learns from generated features of unseen classes outperforms compatibility methods on all."
BASELINE = "ESZSL"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = (
    "At most 100 training samples a class; ESZSL, without calibration, on unit features with penalties chosen on "
    "held-out training classes. f-CLSWGAN has a width of 256, not 4096, about 700 steps, and a step size of 1e-3, "
    "chosen by H on one split of held-out training classes (5e-4, 1e-3 and 2e-3; on tiny160 only the first two); all "
    "else is the paper's. An earlier run had a step size of 2e-3 and gave the final softmax batches of 32 in place of "
    "300, ten times as many steps: it then learns to tell generated from real features, and hardly any sample goes to "
    "an unseen class (H .054 on tiny160). Seeds vary far more than the methods differ. The features of awa19 and "
    "tiny160 come from a network trained on ImageNet."
)
SMALL: dict[str, Any] = {"hidden": 256, "lr": 1e-3, "device": "cpu"}
_measured: dict[tuple, float] = {}  # other claims in the same run take this one as their baseline


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both."""
    unit = with_unit_features(thinned(task, per_class=100))
    return ours(task, seed), harmonic(tuned_eszsl(unit), unit)


def ours(task: ZeroShotTask, seed: int) -> float:
    """H of f-CLSWGAN."""
    return measured(FCLSWGAN(epochs=epochs(task), **SMALL), task, seed)


def epochs(task: ZeroShotTask, samples: int = 45_000) -> int:
    """Passes that show about so many samples, whatever the size of the set."""
    return max(1, round(samples / len(thinned(task, per_class=100).train_index)))


def measured(model: ZeroShotClassifier, task: ZeroShotTask, seed: int) -> float:
    """H of ``model`` fitted on at most 100 samples a class; the same fit in one run is done once."""
    model.set_params(random_state=seed)
    key = (type(model), str(sorted(model.get_params().items())), task.name)
    if key not in _measured:
        task = thinned(task, per_class=100)
        more = {"unlabelled": task.test_unseen[0]} if model.traits.needs_unlabelled else {}
        _measured[key] = harmonic(model.fit(*task.train, classes=task.classes, **more), task)
    return _measured[key]


def harmonic(model: ZeroShotClassifier, task: ZeroShotTask) -> float:
    """H of a model that already answers over all classes; it is asked once, about seen and unseen samples together."""
    parts = task.test_seen, task.test_unseen
    predicted = model.predict(np.concatenate([X for X, _ in parts]))
    seen, unseen = np.split(predicted, [len(parts[0][1])])
    return harmonic_mean(mean_class_accuracy(parts[0][1], seen), mean_class_accuracy(parts[1][1], unseen))
