"""COSMO against calibrated stacking of the same zero-shot expert."""

import numpy as np

from zorse.benchmark.claims.eszsl import tuned_eszsl
from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.data import ZeroShotTask
from zorse.evaluation import evaluate
from zorse.methods.gating.calibrated_stacking import CalibratedStacking
from zorse.methods.gating.cosmo import COSMO, confidences, to_probabilities
from zorse.templates import SoftmaxRegression

CLAIM = "A gate over two experts with adaptive smoothing does better than one model whose seen classes pay a constant."
BASELINE = "calibrated stacking"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("awa19", "tiny160", "digits")
NOTE = (
    "The zero-shot expert is ESZSL with labels 0 and 1, its penalties chosen on held-out training classes, the seen "
    "expert softmax regression on features of unit length (C=100); at most 100 training samples a class. Gate, "
    "threshold, softness and the stack's gamma are chosen on training classes. The features of awa19 and tiny160 come "
    "from a network that was trained on ImageNet. On published scores, where both experts are halves of one model and "
    "nothing can be held out, gate and stack are set without labels and come out alike (benchmarks/gating_scores.py)."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """H of both over the same expert."""
    task = thinned(with_unit_features(task), per_class=100)
    expert = tuned_eszsl(task, negative=0.0)
    gated = COSMO(SoftmaxRegression(C=100.0), expert, random_state=seed)
    ours = gated.fit(*task.train, classes=task.classes)
    stack = CalibratedStacking(expert, random_state=seed).fit(*task.train, classes=task.classes)
    return evaluate(ours, task).harmonic, evaluate(stack, task).harmonic


def compare() -> Agreement:
    """The paper's smoothing, class by class."""
    task = load_task("digits")
    X, y = task.train
    model = COSMO(unseen_expert=tuned_eszsl(task, negative=0.0), random_state=0).fit(X, y, classes=task.classes)
    X = task.test_unseen[0][:50]
    seen, unseen = model.seen_expert_.scores(X), model.scale_ * model.unseen_expert_.scores(X)
    p_seen, p_unseen = to_probabilities(seen), to_probabilities(unseen)
    pi = model._unseen(confidences(p_seen, p_unseen, 5, 3.0), model.threshold_, model.softness_)
    expected, s, u = np.empty((len(X), task.classes.n_classes)), 0, 0
    for column, is_seen in enumerate(model.is_seen_):
        if is_seen:
            expected[:, column] = (1 - pi) * (p_seen[:, s] + pi / p_seen.shape[1])
            s += 1
        else:
            expected[:, column] = pi * (p_unseen[:, u] + (1 - pi) / p_unseen.shape[1])
            u += 1
    difference = np.abs(np.exp(model.scores(X)) - expected).max()
    return Agreement("the paper's equations, class by class", "probabilities of 50 digits", float(difference), 1e-12)
