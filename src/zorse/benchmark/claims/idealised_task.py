"""How far class descriptions are from what images would tell about a class."""

from dataclasses import replace

from zorse.benchmark.claims.eszsl import tuned_eszsl
from zorse.benchmark.tasks import thinned, with_unit_features
from zorse.data import ZeroShotTask
from zorse.evaluation import evaluate, idealised_task

CLAIM = "Class vectors made of images show a large gap that better descriptions could close."
BASELINE = "the data set's own attributes or word vectors"
METRIC = "area under the seen-unseen curve (AUSUC)"
TASKS = ("awa19", "tiny160", "digits")
NOTE = (
    "ESZSL with labels 0 and 1 on unit features, at most 100 training samples a class, penalties chosen on held-out "
    "training classes, for either kind of class vector. The vector of an unseen class is the mean of half of its test "
    "samples; both are tested on the other half. The paper's methods and features are others. The features of awa19 "
    "and tiny160 come from a network that was trained on ImageNet and has met these unseen classes, which makes their "
    "means better than those of new classes would be."
)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """AUSUC with image means and with descriptions, on the same test samples."""
    task = thinned(with_unit_features(task), per_class=100)
    ideal = idealised_task(task, random_state=seed)
    described = replace(task, test_unseen_index=ideal.test_unseen_index)
    ours, theirs = (evaluate(tuned_eszsl(t, negative=0.0), t).ausuc for t in (ideal, described))
    return ours, theirs
