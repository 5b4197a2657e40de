"""Calibrated stacking against the same scores left as they are."""

import numpy as np

from zorse.benchmark.claims.eszsl import tuned_eszsl
from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.data import ZeroShotTask
from zorse.data.pack import ScoreTask
from zorse.evaluation import ausuc, evaluate, harmonic_mean, mean_class_accuracy, seen_unseen_curve
from zorse.methods.gating.calibrated_stacking import CalibratedStacking, best_penalty

CLAIM = "Taking one constant from the scores of seen classes repairs generalised zero-shot recognition."
BASELINE = "uncalibrated"
METRIC = "harmonic mean of seen and unseen mean class accuracy"
TASKS = ("awa19", "tiny160", "digits", "awa1-scores", "flo-scores")
NOTE = (
    "On features: ESZSL with labels 0 and 1, on at most 100 training samples a class, its penalties and gamma "
    "chosen on held-out training classes (with the labels -1 and 1 of its paper ESZSL itself fails on tiny160, 6 % "
    "of 40 classes, and calibration has nothing to repair: the claim was first run so, and the interval of the "
    "difference, +.057 [-.004, +.119], held 0; the labels were changed after that). On published scores of "
    "f-CLSWGAN, whose training data are not at hand, gamma is chosen on one half of the unseen classes and of the "
    "seen samples and tested on the other half; that model has trained on generated samples of unseen classes, "
    "which leaves little to repair. The features of awa19 and tiny160 come from a network that was trained on "
    "ImageNet."
)


def run(task: ZeroShotTask | ScoreTask, seed: int) -> tuple[float, float]:
    """H with gamma and without."""
    if isinstance(task, ScoreTask):
        return _on_scores(task, seed)
    task = thinned(with_unit_features(task), per_class=100)
    plain = tuned_eszsl(task, negative=0.0)
    ours = CalibratedStacking(plain, random_state=seed).fit(*task.train, classes=task.classes)
    return evaluate(ours, task).harmonic, evaluate(plain, task).harmonic


def _on_scores(task: ScoreTask, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    unseen = rng.permutation(np.setdiff1d(task.classes.labels, task.seen))
    first_half = rng.random(len(task.y)) < 0.5
    halves = []
    for kept, side in zip(np.array_split(unseen, 2), (first_half, ~first_half), strict=True):
        columns = np.isin(task.classes.labels, np.concatenate([task.seen, kept]))
        rows = np.isin(task.y, kept) | (np.isin(task.y, task.seen) & side)
        table = task.classes.select(task.classes.labels[columns])
        halves.append(seen_unseen_curve(task.scores[rows][:, columns], task.y[rows], table, task.seen))
    chosen, tested = halves
    ours, plain = tested.at(best_penalty([chosen])), tested.at(0.0)
    return harmonic_mean(*map(float, ours)), harmonic_mean(*map(float, plain))


def compare() -> Agreement:
    """The area under the curve from predictions made anew at every penalty that matters."""
    task = load_task("digits")
    model = tuned_eszsl(task, negative=0.0)
    index = np.concatenate([task.test_seen_index, task.test_unseen_index])
    scores, y, labels = model.scores(task.X[index]), task.y[index], task.classes.labels
    of_seen, seen_column = np.isin(y, task.seen), np.isin(labels, task.seen)
    margins = np.unique(scores[:, seen_column].max(axis=1) - scores[:, ~seen_column].max(axis=1))
    curve = []
    for gamma in [margins[0] - 1, *(margins[1:] + margins[:-1]) / 2, margins[-1] + 1]:
        predicted = labels[(scores - gamma * seen_column).argmax(axis=1)]
        curve.append([mean_class_accuracy(y[part], predicted[part]) for part in (of_seen, ~of_seen)])
    s, u = np.array(curve).T
    difference = abs(float(np.trapezoid(s, u)) - ausuc(scores, y, task.classes, task.seen))
    return Agreement("argmax at every break point", "AUSUC on digits", difference, 1e-9)
