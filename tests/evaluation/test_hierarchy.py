"""Hits by rank and by hierarchy, against the definitions written out."""

import numpy as np
import pytest

from zorse.core import ClassTable, InputError
from zorse.evaluation import (
    hierarchical_precision_at_k,
    hit_at_k,
    mean_mistake_hops,
    ranked_labels,
    super_classes,
)

# A binary tree of eight leaves, and a loner.
LEAVES = np.array([f"{i:03b}" for i in range(8)])
PARENTS = {node: (node[:-1],) for leaf in LEAVES for node in (leaf, leaf[:2], leaf[:1]) if node} | {"loner": ()}


def hops(a: str, b: str) -> int:
    """In a tree: what the two do not share."""
    shared = next(n for n in range(min(len(a), len(b)), -1, -1) if a[:n] == b[:n])
    return len(a) + len(b) - 2 * shared


def naive_precision(y, ranked, k, classes):
    total = 0.0
    for truth, best in zip(y, ranked, strict=True):
        near, radius = [], -1
        while len(near) < k:
            radius += 1
            near = [c for c in classes if hops(truth, c) <= radius]
        total += sum(label in near for label in best[:k]) / k
    return total / len(y)


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    y = rng.choice(LEAVES, 40)
    return y, ranked_labels(rng.normal(size=(40, 8)), ClassTable(LEAVES, np.eye(8)), 8)


@pytest.mark.parametrize("k", range(1, 9))
def test_hierarchical_precision_is_the_definition(answers, k):
    y, ranked = answers
    assert hierarchical_precision_at_k(y, ranked, k, LEAVES, PARENTS) == pytest.approx(
        naive_precision(y, ranked, k, LEAVES)
    )


def test_hierarchical_precision_at_1_is_hit_at_1_and_at_c_is_1(answers):
    y, ranked = answers
    assert hierarchical_precision_at_k(y, ranked, 1, LEAVES, PARENTS) == pytest.approx(hit_at_k(y, ranked, 1))
    assert hierarchical_precision_at_k(y, ranked, 8, LEAVES, PARENTS) == 1


def test_only_classes_answered_over_are_near(answers):
    # With 000 and 11x alone, 110 and 111 are the two nearest of 111, and 000 with any other the two nearest of 000.
    classes = np.array(["000", "110", "111"])
    assert hierarchical_precision_at_k(["111"], [["110", "000", "111"]], 2, classes, PARENTS) == 0.5
    assert hierarchical_precision_at_k(["000"], [["110", "111", "000"]], 2, classes, PARENTS) == 1


def test_many_true_classes_are_dealt_with_in_parts():
    labels = np.arange(600)
    line = {str(i): (str(i + 1),) for i in range(600)}
    ranked = np.stack([labels, (labels + 300) % 600], axis=1)
    # The end of a line needs radius 1 for two classes, any other gets three.
    assert hierarchical_precision_at_k(labels, ranked, 2, labels, line) == 0.5


def test_flat_hits_and_ranks():
    table = ClassTable(["a", "b", "c"], np.eye(3))
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
    ranked = ranked_labels(scores, table, 2)
    assert ranked.tolist() == [["a", "b"], ["c", "b"]]
    assert [hit_at_k(["b", "c"], ranked, k) for k in (1, 2)] == [0.5, 1.0]
    with pytest.raises(InputError, match="from 1 to 2"):
        hit_at_k(["b", "c"], ranked, 3)
    with pytest.raises(InputError, match="from 1 to 3"):
        ranked_labels(scores, table, 4)


def test_mistakes_are_measured_in_hops():
    assert mean_mistake_hops(["000", "000", "111"], ["001", "000", "000"], PARENTS) == (2 + 6) / 2
    assert np.isnan(mean_mistake_hops(["000"], ["000"], PARENTS))


def test_a_label_belongs_to_the_nearest_super_class():
    found = super_classes(["000", "010", "111", "loner", "1"], PARENTS, ["0", "00", "1", "fungi"])
    assert found == {"000": "00", "010": "0", "111": "1", "loner": None, "1": "1"}


def test_what_is_wrong_is_named():
    with pytest.raises(InputError, match="connected with loner"):
        hierarchical_precision_at_k(["loner"], [["loner", "000"]], 2, ["loner", "000"], PARENTS)
    with pytest.raises(InputError, match="unicorn"):
        hierarchical_precision_at_k(["unicorn"], [["000"]], 1, ["000"], PARENTS)
    with pytest.raises(InputError, match="111"):
        hierarchical_precision_at_k(["000"], [["111"]], 1, ["000"], PARENTS)
