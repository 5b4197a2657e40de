"""Paper 1's warning: what is recognised among unseen classes alone is lost when seen classes compete."""

import numpy as np

from zorse.benchmark.claims.eszsl import tuned_eszsl
from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, thinned, with_unit_features
from zorse.data import ZeroShotTask
from zorse.evaluation import evaluate

CLAIM = "Accuracy on unseen classes collapses once seen classes are candidates too."
BASELINE = "the same samples, all classes as candidates (U)"
METRIC = "mean class accuracy of unseen samples among unseen classes (ZSL), against U"
TASKS = ("awa19", "tiny160", "digits")
NOTE = (
    "ESZSL with labels 0 and 1 on unit features, at most 100 training samples a class, penalties chosen on held-out "
    "training classes; no calibration. It is also what calibrated stacking sets out from (Chao et al., ECCV 2016). "
    "Part of the fall is that more candidates are harder to choose from; a guess among them would fall from "
    "1/5 to 1/19 on awa19, from 1/40 to 1/160 on tiny160, and from 1/3 to 1/10 on digits. The features of awa19 and "
    "tiny160 come from a network that was trained on ImageNet."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """ZSL and U of one model."""
    task = thinned(with_unit_features(task), per_class=100)
    report = evaluate(tuned_eszsl(task, negative=0.0), task)
    return report.zsl, report.unseen


def compare() -> Agreement:
    """The protocol's four figures by loops over samples."""
    task = with_unit_features(load_task("digits"))
    model = tuned_eszsl(task, negative=0.0)
    scores, labels = model.scores(task.X), task.classes.labels
    seen, unseen = set(task.seen), set(task.unseen)

    def mean_over_classes(index: np.ndarray, candidates: set) -> float:
        hits: dict[str, list[bool]] = {}
        columns = [j for j, label in enumerate(labels) if label in candidates]
        for i in index:
            best = max(columns, key=lambda j: scores[i, j])
            hits.setdefault(task.y[i], []).append(labels[best] == task.y[i])
        return sum(sum(own) / len(own) for own in hits.values()) / len(hits)

    zsl = mean_over_classes(task.test_unseen_index, unseen)
    U = mean_over_classes(task.test_unseen_index, seen | unseen)
    S = mean_over_classes(task.test_seen_index, seen | unseen)
    report = evaluate(model, task)
    ours = [report.zsl, report.unseen, report.seen, report.harmonic]
    difference = np.abs(np.array(ours) - [zsl, U, S, 2 * S * U / (S + U) if S + U else 0.0]).max()
    return Agreement("the protocol as loops over samples", "ZSL, U, S and H on digits", float(difference), 1e-12)
