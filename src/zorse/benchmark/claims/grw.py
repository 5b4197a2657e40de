"""GRW against the same networks without walks, over a sequence of tasks."""

import numpy as np

from zorse.benchmark.claims import fclswgan
from zorse.benchmark.tasks import thinned
from zorse.data import ZeroShotTask
from zorse.evaluation import class_steps, evaluate_tasks
from zorse.methods.generative.grw import GRW

CLAIM = "Random walks from which nobody returns to a seen class improve a generator that learns task by task."
BASELINE = "the same networks without walks"
METRIC = "mH: mean over tasks of the harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19", "tiny160")
SEEDS = 3
NOTE = (
    "The training classes of the split come in tasks, three of digits, four of awa19 and five of tiny160; a class is "
    "unseen until it comes, and answers are over all of them. At most 100 training samples a class, a width of 256 "
    "and a step size of 1e-3; the samples shown in each task are as many as f-CLSWGAN is shown in its claim, divided "
    "by the number of tasks. "
    "The features of awa19 and tiny160 come from a network trained on ImageNet."
)
N_TASKS = {"digits": 3, "awa19": 4, "tiny160": 5}


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """mH of both over one sequence."""
    task = thinned(task, per_class=100)
    ours, baseline = (sequence(GRW(walk=walk, random_state=seed, **fclswgan.SMALL), task) for walk in (1.0, 0.0))
    return ours, baseline


def sequence(model: GRW, task: ZeroShotTask) -> float:
    """mH of ``model`` over the seen classes of ``task`` in order."""
    n = next((n for name, n in N_TASKS.items() if task.name.startswith(name)), 3)
    steps = class_steps(np.sort(task.seen), -(-len(task.seen) // n), random_state=0)
    X, y = task.train
    table = task.classes.select(np.sort(task.seen))

    def learn(t: int) -> GRW:
        mine = np.isin(y, steps[t])
        shown = mine.sum() + model.n_replay * sum(map(len, steps[:t]))
        model.set_params(epochs=max(1, round(45_000 / len(steps) / shown)))
        if t == 0:
            return model.fit(X[mine], y[mine], classes=table)
        return model.fit_next(X[mine], y[mine])

    return evaluate_tasks(learn, *task.test_seen, steps).mean_harmonic
