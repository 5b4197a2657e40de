"""Named tasks that claims are run on, and other splits of the same data."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from zorse.benchmark.patches import animal_patches, coco_tags, in_scenes, mosaic_tags, scene_crops, tiny_patches
from zorse.benchmark.photographs import STYLES, PhotoTask, pacs_photos, photo_task
from zorse.core import InputError, UnknownNameError
from zorse.data import CompositionalTask, ZeroShotTask, digits_zsl, read_task, toy_compositional, toy_zsl
from zorse.data.compositional import seen_pairs
from zorse.data.datasets import DATASETS, find_dataset, read_dataset
from zorse.data.dots import counted_dots
from zorse.data.pack import awa19, gzsl_scores, pacs, tiny160
from zorse.nn.vectors import unit_rows
from zorse.semantics import WordNet, hierarchy_graph

T = TypeVar("T", bound=ZeroShotTask)

# What each name stands for; the pack's loaders raise NotAvailableError where the pack is absent.
TASKS = {
    "awa19": awa19,
    "tiny160": tiny160,
    "tiny160-wordnet": lambda: with_wordnet(tiny160()),
    "digits": digits_zsl,
    "toy": toy_zsl,
    "procedural": lambda: toy_zsl(n_seen=20, n_unseen=10, n_per_class=20, dim=32, n_semantics=12, noise=0.3),
    "tiny-imagenet-photos": lambda: photo_task("tiny-imagenet"),
    "caltech101-photos": lambda: photo_task("caltech101"),
    "cifar10-photos": lambda: photo_task("cifar10"),
    "pacs-photos": pacs_photos,
    "pacs-names": lambda: photo_task("pacs"),
    STYLES: lambda: photo_task(STYLES),
    "pacs": pacs,
    "dots": lambda: counted_dots,
    "compositional": toy_compositional,
    "animal-patches": animal_patches,
    "tiny-patches": tiny_patches,
    "tiny-scenes": lambda: in_scenes(tiny_patches()),
    "tiny-scene-crops": scene_crops,
    "coco-tags": coco_tags,
    "mosaic-tags": mosaic_tags,
    "awa1-scores": lambda: gzsl_scores("AWA1"),
    "flo-scores": lambda: gzsl_scores("FLO"),
}

# What the note of every claim on a task has to say.
TOLD = {
    STYLES: "pacs-styles, whose names the embedded model was never taught, joined every claim that takes shots, after "
    "the others had been run."
}


def load_task(name: str | os.PathLike) -> Any:
    """The task called ``name``, or the one that lies at that path.

    Parameters
    ----------
    name : str or path
        One of ``TASKS``, or a data set that ``zorse datasets get`` has fetched (``AWA2``); or a bundle, or a folder of
        the proposed-splits format, as :func:`zorse.data.read_task` takes them. A name comes before a path;
        ``./digits`` is a path.

    Returns
    -------
    ZeroShotTask, a TagTask where images have several labels, or a ScoreTask where only scores are published

    Raises
    ------
    UnknownNameError
        If no task has that name and nothing lies there.
    InputError
        If what lies there is no task or has a defect.
    NotAvailableError
        If it lies in the data pack, which is absent, or has not been fetched.
    """
    text = os.fspath(name)
    if text in TASKS:
        return TASKS[text]()
    path = Path(text).expanduser()
    if text.lower() in map(str.lower, DATASETS) and (find_dataset(text).is_here or not path.exists()):
        return read_dataset(text)
    if path.exists() or path.suffix.lower() in (".npz", ".mat") or os.sep in text:
        return read_task(path)
    raise UnknownNameError(
        "task", text, [*TASKS, *DATASETS], "(or the path of a bundle, or of a folder with res101.mat)"
    )


def feature_task(name: str | os.PathLike) -> ZeroShotTask:
    """The task called ``name`` as one that methods can be fitted on: photographs become embeddings and prompts.

    Raises
    ------
    InputError
        If it holds scores, tags or anything else that is no classification of features; and as :func:`load_task`.
    """
    task = load_task(name)
    if isinstance(task, PhotoTask):
        return task.as_task()
    if not isinstance(task, ZeroShotTask):
        raise InputError(f"task {os.fspath(name)!r} is a {type(task).__name__}; a ZeroShotTask with features is needed")
    return task


def with_wordnet(task: ZeroShotTask) -> ZeroShotTask:
    """The same task, labelled by WordNet's ids, with the hierarchy above its classes as ``parents`` and ``graph``."""
    table = replace(task.classes, parents=WordNet.read().parents(map(str, task.classes.labels)))
    return replace(task, classes=replace(table, graph=hierarchy_graph(table)), name=f"{task.name}, WordNet")


def resplit(task: ZeroShotTask, seed: int, held_out: float = 0.2) -> ZeroShotTask:
    """The same data with as many unseen classes, drawn by ``seed``; ``held_out`` of each seen class is for testing.

    Seed 0 is the task as it is.
    """
    if seed == 0:
        return task
    rng = np.random.default_rng(seed)
    labels = np.union1d(task.seen, task.unseen)
    if isinstance(task, CompositionalTask):  # every word stays in training
        words = [(task.classes.parents or {})[str(label)] for label in labels]
        unseen = labels[~seen_pairs(words, len(task.unseen), rng)]
        task = replace(task, val_seen_index=np.arange(0), val_unseen_index=np.arange(0))
    else:
        unseen = rng.permutation(labels)[: len(task.unseen)]
    used = np.concatenate([task.train_index, task.test_seen_index, task.test_unseen_index])
    train, test_seen, test_unseen = [], [], []
    for label in np.unique(task.y[used]):
        index = rng.permutation(used[task.y[used] == label])
        if label in unseen:
            test_unseen.append(index)
        else:
            n_test = max(1, round(held_out * len(index)))
            test_seen.append(index[:n_test])
            train.append(index[n_test:])
    return replace(
        task,
        train_index=np.sort(np.concatenate(train)),
        test_seen_index=np.sort(np.concatenate(test_seen)),
        test_unseen_index=np.sort(np.concatenate(test_unseen)),
        name=f"{task.name}, split {seed}",
    )


def with_unit_features(task: T) -> T:
    """The same task with every sample scaled to unit length, as several papers do."""
    return replace(task, X=unit_rows(task.X))


def thinned(task: T, per_class: int) -> T:
    """The same task with at most ``per_class`` training samples of each class, spread evenly; the test stays whole."""
    y, kept = task.train[1], []
    for label in task.seen:
        own = task.train_index[y == label]
        kept.append(own[np.linspace(0, len(own) - 1, min(per_class, len(own))).astype(int)])
    return replace(task, train_index=np.sort(np.concatenate(kept)))


def with_views(task: ZeroShotTask) -> ZeroShotTask:
    """The same task with every semantic space the pack has for it, the others beside the one it came with."""
    if task.name.startswith("tiny160"):
        others = [tiny160(semantics="wiki2vec").classes]
    elif task.name.startswith("awa19"):
        others = [awa19(semantics="attributes_binary").classes]
    else:
        others = []
    views = tuple(other.select(task.classes.labels).vectors for other in others)
    return replace(task, classes=replace(task.classes, views=views or None))
