"""Loki against sums written out, and its active selection against every path of small trees."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from zorse.core import CapabilityError, ClassTable, InputError
from zorse.data import toy_zsl
from zorse.methods.compatibility.conse import ConSE
from zorse.methods.compatibility.eszsl import ESZSL
from zorse.methods.gating.loki import Loki, locus, next_class
from zorse.nn.hierarchy import Hierarchy

PARENTS = {"dog": ("canine",), "wolf": ("canine",), "cat": ("feline",), "lynx": ("feline",), "canine": ("animal",)}
PARENTS["feline"] = ("animal",)
LABELS = np.array(["wolf", "dog", "canine", "lynx", "cat", "animal"])
HOPS = {("dog", "wolf"): 2, ("dog", "canine"): 1, ("dog", "cat"): 4, ("dog", "lynx"): 4, ("dog", "animal"): 2}
HOPS |= {("cat", "wolf"): 4, ("cat", "canine"): 3, ("cat", "lynx"): 2, ("cat", "animal"): 2, ("cat", "dog"): 4}
HOPS |= {("wolf", "canine"): 1, ("wolf", "lynx"): 4, ("wolf", "animal"): 2}


def hops(a, b):
    return 0 if a == b else HOPS.get((a, b), HOPS.get((b, a)))


@pytest.fixture
def animals():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    return X, rng.choice(["dog", "cat", "wolf"], 60), ClassTable(LABELS, rng.normal(size=(6, 4)), parents=PARENTS)


def test_tree_scores_are_the_sum_of_squared_hops(animals):
    X, y, table = animals
    model = Loki(distance="tree").fit(X, y, classes=table)
    P = LogisticRegression(C=1.0, max_iter=1000).fit(X, y)
    expected = [
        [-sum(p * hops(seen, label) ** 2 for p, seen in zip(row, P.classes_, strict=True)) for label in LABELS]
        for row in P.predict_proba(X)
    ]
    np.testing.assert_allclose(model.scores(X), expected, rtol=1e-4)


def test_a_parent_answers_for_its_children_that_cannot_be_told_apart(animals):
    _, _, table = animals
    X = np.repeat([[0.0], [10.0]], [20, 10], axis=0)
    y = np.array(["dog", "wolf"] * 10 + ["cat"] * 10)
    model = Loki(distance="tree", C=100).fit(X, y, classes=table)
    assert model.predict([[0.0]])[0] == "canine"
    assert model.with_candidates(["lynx", "canine"]).predict([[10.0]])[0] == "lynx"


@pytest.mark.parametrize("estimator", [None, LogisticRegression(), ESZSL()])
def test_vectors_answer_as_conse_with_every_class_mixed(estimator):
    task = toy_zsl(noise=0.5)
    model = Loki(estimator=estimator).fit(*task.train, classes=task.classes)
    P = model.observed_proba(task.X)
    mixed = sum(P[:, [i]] * v / np.linalg.norm(v) for i, v in enumerate(model.observed_.vectors))
    unit = task.classes.vectors / np.linalg.norm(task.classes.vectors, axis=1, keepdims=True)
    np.testing.assert_array_equal(model.predict(task.X), task.classes.labels[(mixed @ unit.T).argmax(axis=1)])
    if estimator is None:  # the toy's class vectors have unit length
        conse = ConSE(top=len(task.seen)).fit(*task.train, classes=task.classes)
        np.testing.assert_array_equal(model.predict(task.X), conse.predict(task.X))


def test_without_semantics_it_is_the_classifier(animals):
    X, y, _ = animals
    np.testing.assert_array_equal(
        Loki().fit(X, y).predict(X), LogisticRegression(C=1.0, max_iter=1000).fit(X, y).predict(X)
    )


def test_what_is_wrong_is_said(animals):
    X, y, table = animals
    with pytest.raises(InputError, match="no parents"):
        Loki(distance="tree").fit(X, y, classes=ClassTable(LABELS, table.vectors))
    lost = ClassTable([*LABELS, "rock"], np.eye(7), parents=PARENTS | {"rock": ()})
    with pytest.raises(InputError, match="no path leads from wolf to rock"):
        Loki(distance="tree").fit(X, y, classes=lost)
    with pytest.raises(InputError, match="distance must be"):
        Loki(distance="graph").fit(X, y, classes=table)
    with pytest.raises(CapabilityError, match="predict_proba"):
        Loki(estimator=object()).fit(X, y, classes=table)
    with pytest.raises(InputError, match="dog alone"):
        Loki().fit(X, ["dog"] * 60, classes=table)


def random_tree(seed: int, m: int = 12):
    rng = np.random.default_rng(seed)
    return {str(i): (str(rng.integers(i)),) for i in range(1, m)}


def path(parents, a, b):
    def up(node):
        return [node, *up(parents[node][0])] if node in parents else [node]

    above, beyond = up(a), up(b)
    shared = next(node for node in above if node in beyond)
    return above[: above.index(shared) + 1] + beyond[: beyond.index(shared)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_next_class_is_the_farthest_from_every_path(seed, n):
    parents = random_tree(seed)
    nodes = [str(i) for i in range(12)]
    observed = [str(i) for i in np.random.default_rng(seed).permutation(12)[:n]]
    on_a_path = set(observed).union(*(path(parents, a, b) for a, b in combinations(observed, 2)))
    tree = Hierarchy(parents)
    found = {node for node, inside in zip(tree.nodes, locus(tree, observed), strict=True) if inside}
    assert found == on_a_path
    away = {node: min(len(path(parents, node, reached)) - 1 for reached in on_a_path) for node in nodes}
    assert away[next_class(parents, observed)] == max(away.values())
    assert next_class(parents, observed, [n for n in nodes if away[n] == 1] + observed) not in observed


def test_the_next_class_needs_something_to_choose_from():
    with pytest.raises(InputError, match="no class is observed"):
        next_class(PARENTS, [])
    with pytest.raises(InputError, match="every candidate is observed"):
        next_class(PARENTS, ["dog"], ["dog"])
