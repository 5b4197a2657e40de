"""GRW against the same networks without walks, over a sequence of tasks."""

import numpy as np

from zorse.benchmark.claims import _generators
from zorse.benchmark.tasks import thinned
from zorse.data import ZeroShotTask
from zorse.evaluation import class_steps, evaluate_tasks
from zorse.methods.generative.grw import GRW

CLAIM = "Random walks from which nobody returns to a seen class improve a generator that learns task by task."
BASELINE = "the same networks without walks"
METRIC = "mH: mean over tasks of the harmonic mean of seen and unseen mean class accuracy"
TASKS = ("digits", "awa19")
SEEDS = 3
NOTE = (
    _generators.NOTE + " The training classes of the split come in three tasks; a class is unseen until it comes, and "
    "answers are over all of them. Each task gets the steps. In an earlier run they were divided among tasks, and what "
    "is made in between did not have to look real, nor the walkers to see directions alone: mH .055 against .083."
)
N_TASKS = 3


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """mH of both over one sequence."""
    small, task = _generators.setting(task), thinned(task, _generators.PER_CLASS)
    ours, baseline = (sequence(GRW(**small, walk=walk, random_state=seed), task) for walk in (1.0, 0.0))
    return ours, baseline


def sequence(model: GRW, task: ZeroShotTask) -> float:
    """mH of ``model`` over the seen classes of ``task`` in order."""
    steps = class_steps(np.sort(task.seen), -(-len(task.seen) // N_TASKS), random_state=0)
    X, y = task.train
    table = task.classes.select(np.sort(task.seen))

    def learn(t: int) -> GRW:
        mine = np.isin(y, steps[t])
        shown = mine.sum() + model.n_replay * sum(map(len, steps[:t]))
        model.set_params(epochs=max(1, round(25_000 / shown)))
        if t == 0:
            return model.fit(X[mine], y[mine], classes=table)
        return model.fit_next(X[mine], y[mine])

    return evaluate_tasks(learn, *task.test_seen, steps).mean_harmonic
