"""Gaze in a made-up world against fixations at random."""

from dataclasses import replace

import numpy as np

from zorse.benchmark.reproduce import Agreement
from zorse.benchmark.tasks import load_task, with_unit_features
from zorse.benchmark.tune import accuracy_on_unseen, tune
from zorse.core import ClassTable
from zorse.data import ZeroShotTask
from zorse.methods.compatibility.gaze_embeddings import GazeEmbeddings
from zorse.nn.vectors import unit_rows
from zorse.semantics import gaze_grid, gaze_table

CLAIM = "Where people look when they tell classes apart describes a class well enough to recognise it unseen."
BASELINE = "as many fixations at random places"
METRIC = "mean class accuracy over unseen classes"
TASKS = ("procedural",)
NOTE = (
    "A made-up world, for want of gaze data: a class has 12 attributes, each with a place on the image; five observers "
    "look at four images of every class, earlier, longer and with wider pupils at places where the class has more of "
    "an attribute, and off the mark in places, times and one fixation of five. It shows that the encoding keeps what "
    "such looks hold, not that people look so (in a first world looks told how strong an attribute is but hardly its "
    "sign, and sequences were at chance). Features on a grid, observers averaged; histograms and sequences do less "
    "well, where the paper finds sequences best on birds. Both sides choose their step on held-out training classes."
)
PEOPLE, IMAGES, FIXATIONS, GRID = 5, 4, 8, (3, 4)


def run(task: ZeroShotTask, seed: int) -> tuple[float, float]:
    """The same classifier on class vectors from either kind of look."""
    rng = np.random.default_rng(seed)
    ours, baseline = (
        gaze_table(
            {
                label: [[look(vector, rng) for _ in range(IMAGES)] for _ in range(PEOPLE)]
                for label, vector in zip(task.classes.labels, task.classes.vectors, strict=True)
            },
            gaze_grid,
            grid=GRID,
        )
        for look in (_look, _stare)
    )
    return _accuracy(task, ours, seed), _accuracy(task, baseline, seed)


def _accuracy(task: ZeroShotTask, table: ClassTable, seed: int) -> float:
    task = replace(with_unit_features(task), classes=table)
    model = GazeEmbeddings(epochs=20, random_state=seed, device="cpu")
    return accuracy_on_unseen(tune(model, {"lr": [1.0, 3.0, 10.0]}, task), task)


def _look(vector: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fixations (m, 4) of one look at a class with ``vector`` (12,), whose attribute i lies in cell i of 3 x 4."""
    # A place is looked at the earlier, the more a class has of what lies there; exp(4 v) are the odds of coming first.
    at = np.argsort(-(4 * vector / np.abs(vector).max() + rng.gumbel(size=len(vector))))[:FIXATIONS]
    x = (at % 4 + 0.5) / 4 + 0.05 * rng.standard_normal(len(at))
    y = (at // 4 + 0.5) / 3 + 0.05 * rng.standard_normal(len(at))
    duration = 200 + 800 / (1 + np.exp(-4 * vector[at])) * rng.uniform(0.8, 1.2, len(at))
    pupil = 3 + vector[at] + 0.3 * rng.standard_normal(len(at))
    fixations = np.column_stack([x, y, duration, np.maximum(pupil, 0.5)])
    lost = rng.random(len(at)) < 0.2
    fixations[lost] = _stare(vector, rng)[lost]
    fixations[:, :2] = fixations[:, :2].clip(0, 1)
    return fixations


def _stare(vector: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many fixations anywhere, for any time."""
    return np.column_stack(
        [*rng.random((2, FIXATIONS)), rng.uniform(200, 1000, FIXATIONS), rng.uniform(1.5, 4.5, FIXATIONS)]
    )


def compare() -> Agreement:
    """The mean over observers of unit vectors, and the bilinear score, as loops."""
    task = load_task("procedural")
    looks, rng = {}, np.random.default_rng(0)
    for label, vector in zip(task.classes.labels, task.classes.vectors, strict=True):
        looks[label] = [[_look(vector, rng)] for _ in range(2)]
    table = gaze_table(looks, gaze_grid, grid=GRID)
    X, y = task.train
    model = GazeEmbeddings(epochs=1, random_state=0, device="cpu").fit(X, y, classes=table)
    x = unit_rows(task.test_unseen[0][:20])
    spaces = (table.vectors, *(table.views or ()))
    phi = [np.mean([space[c] / np.linalg.norm(space[c]) for space in spaces], axis=0) for c in range(table.n_classes)]
    expected = np.array([[v @ model.weights_ @ p for p in phi] for v in x])
    difference = float(np.abs(model.scores(task.test_unseen[0][:20]) - expected).max())
    return Agreement("the paper's compatibility as loops", "scores of unseen samples", difference, 1e-10)
