"""SCAN against K-means on the same features."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from zorse.benchmark.photographs import PhotoTask, embedded_model
from zorse.methods.transductive.scan import SCAN
from zorse.nn.vectors import unit_rows
from zorse.semantics import class_table

CLAIM = "Clusters learned so that an image agrees with its neighbours fit the classes better than K-means."
BASELINE = "K-means on the same features"
METRIC = "share of right images when clusters are given to classes in the best way"
TASKS = ("cifar10-photos", "caltech101-photos")
SEEDS = 3
NOTE = (
    "Features are those of the embedded model, in place of a network that was taught a pretext task, and only the head "
    "is learned on them; self-labelling is left out. At most 800 photographs, spread evenly over classes. K-means has "
    "ten starts. Clusters of both are matched with the true classes, as in the paper's own figures; SCAN's names, "
    "which come from class texts, are not looked at. A seed draws half of the classes."
)


inputs = embedded_model


def run(task: PhotoTask, seed: int) -> tuple[float, float]:
    """Both cluster the same unit features into as many clusters as there are classes."""
    task = task.thinned(max(1, 800 // len(np.unique(task.y)))).draw(seed)
    names = np.unique(task.y)
    table = class_table(names, task.encoder, templates=task.templates, store=task.store)
    k = min(20, int(np.unique(task.y, return_counts=True)[1].min()) - 1)
    ours = SCAN(k=k, random_state=seed).fit(None, None, classes=table, unlabelled=task.X)
    means = KMeans(len(names), n_init=10, random_state=seed).fit_predict(unit_rows(task.X))
    rows = np.searchsorted(names, task.y)
    return matched(np.searchsorted(names, ours.predict(task.X)), rows), matched(means, rows)


def matched(clusters: np.ndarray, rows: np.ndarray) -> float:
    """Share of right images under the best one-to-one match of clusters and classes."""
    c = int(max(clusters.max(), rows.max())) + 1
    counts = np.zeros((c, c))
    np.add.at(counts, (clusters, rows), 1)
    return float(counts[linear_sum_assignment(-counts)].sum() / len(rows))
