"""What the hierarchy gives away, on classes arranged so that the answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.data import ZeroShotTask
from zorse.evaluation import StructuralBias, structural_bias, structural_errors, trivial_scores
from zorse.methods.compatibility.eszsl import ESZSL

PARENTS = {"dog": ("canine",), "poodle": ("dog",), "wolf": ("canine",), "canine": ("animal",), "cat": ("animal",)}


def test_errors_are_dealt_by_the_hierarchy():
    truth = ["dog"] * 6
    answers = ["dog", "animal", "canine", "poodle", "wolf", "cat"]
    errors = structural_errors(truth, answers, PARENTS)
    assert errors.correct == pytest.approx(1 / 6)
    assert errors.ancestor == pytest.approx(2 / 6)
    assert errors.descendant == pytest.approx(1 / 6)
    assert errors.other == pytest.approx(2 / 6)
    with pytest.raises(InputError, match="unicorn"):
        structural_errors(["dog"], ["unicorn"], PARENTS)


def test_trivial_scores_average_the_nearest_training_classes():
    scores = np.array([[1.0, 3.0, 5.0]])
    # poodle: dog is nearest. canine: dog and wolf. animal: cat, one edge away.
    found = trivial_scores(scores, ["dog", "wolf", "cat"], ["poodle", "canine", "animal"], PARENTS)
    np.testing.assert_allclose(found, [[1.0, 2.0, 5.0]])
    with pytest.raises(InputError, match="rock is connected with no training class"):
        trivial_scores(scores, ["dog", "wolf", "cat"], ["rock"], PARENTS | {"rock": ()})


def family_task(spread: float):
    """Three pairs of a training class and its unseen child; a child's samples lie ``spread`` from its parent's."""
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b", "c", "a1", "b1", "c1"])
    centres = np.concatenate([np.eye(3), np.eye(3) + spread * np.roll(np.eye(3), 1, axis=1)])
    y = np.repeat(labels, 20)
    X = np.repeat(centres, 20, axis=0) + 0.05 * rng.normal(size=(120, 3))
    table = ClassTable(labels, rng.normal(size=(6, 2)), parents={"a1": ("a",), "b1": ("b",), "c1": ("c",)})
    return ZeroShotTask(X, y, table, np.arange(60), np.array([], int), np.arange(60, 120), "family")


def test_a_task_of_children_is_solved_by_its_hierarchy_alone():
    # The class vectors are noise, so that no method can do it by them.
    task = family_task(spread=0.2)
    model = ESZSL(negative=0).fit(*task.train, classes=task.classes)
    classifier = ESZSL(negative=0).fit(*task.train, classes=ClassTable(task.classes.labels, np.eye(6)))
    bias = structural_bias(model, task, classifier=classifier)
    assert bias.trivial == bias.one_hop == 1
    assert bias.model < 0.9
    assert bias.ratio > 1


def test_it_is_not_when_children_look_like_other_parents():
    task = family_task(spread=5.0)
    classifier = ESZSL(negative=0).fit(*task.train, classes=ClassTable(task.classes.labels, np.eye(6)))
    model = ESZSL(negative=0).fit(*task.train, classes=task.classes)
    assert structural_bias(model, task, classifier=classifier).trivial == 0


def test_a_task_without_hierarchy_is_refused():
    task = family_task(0.2)
    flat = replace(task, classes=replace(task.classes, parents=None))
    with pytest.raises(InputError, match="no hierarchy"):
        structural_bias(ESZSL().fit(*task.train, classes=task.classes), flat)
    assert StructuralBias(0.5, 0.0, 0.0).ratio == np.inf


def test_eszsl_on_class_means_is_eszsl():
    """GOZ's code fits (V^T V + g I)^-1 V^T S (S^T S + l I)^-1 on one mean a class: ESZSL with labels 0 and 1."""
    rng = np.random.default_rng(0)
    V, S, g, l = rng.normal(size=(12, 7)), rng.normal(size=(12, 5)), 100.0, 0.01
    W = np.linalg.inv(V.T @ V + g * np.eye(7)) @ V.T @ S @ np.linalg.inv(S.T @ S + l * np.eye(5))
    ours = ESZSL(gamma=g, lam=l, negative=0).fit(V, np.arange(12), classes=ClassTable(np.arange(12), S))
    np.testing.assert_allclose(ours.weights_, W, rtol=1e-8)
