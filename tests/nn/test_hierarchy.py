"""Hierarchies against walks by hand."""

import numpy as np
import pytest

from zorse.core import InputError
from zorse.nn.hierarchy import Hierarchy

PARENTS = {"dog": ("canine", "pet"), "cat": ("feline", "pet"), "canine": ("animal",), "feline": ("animal",), "rock": ()}


def naive_distance(a: str, b: str) -> float:
    edges = [(node, parent) for node, above in PARENTS.items() for parent in above]
    reached, steps = {a}, 0
    while b not in reached:
        grown = reached | {y for x, y in edges if x in reached} | {x for x, y in edges if y in reached}
        if grown == reached:
            return np.inf
        reached, steps = grown, steps + 1
    return steps


def test_distances_are_those_of_a_walk():
    hierarchy = Hierarchy(PARENTS)
    assert set(hierarchy.nodes) == {*PARENTS, "pet", "animal"}
    expected = [[naive_distance(a, b) for b in hierarchy.nodes] for a in hierarchy.nodes]
    np.testing.assert_array_equal(hierarchy.distances(hierarchy.nodes), expected)
    np.testing.assert_array_equal(hierarchy.distances(["cat"], ["dog", "rock", "cat"]), [[2, np.inf, 0]])
    np.testing.assert_array_equal(
        hierarchy.from_nearest(["cat", "animal"]),
        np.min([[naive_distance(a, b) for b in hierarchy.nodes] for a in ("cat", "animal")], axis=0),
    )


def test_steps_up_lead_up_alone():
    hierarchy = Hierarchy(PARENTS)
    steps = dict(zip(hierarchy.nodes, hierarchy.steps_up_to("animal"), strict=True))
    inf = np.inf
    assert steps == {"animal": 0, "canine": 1, "feline": 1, "dog": 2, "cat": 2, "rock": inf, "pet": inf}


def test_many_sources_are_dealt_with_in_parts():
    chain = Hierarchy({str(i): (str(i + 1),) for i in range(600)})
    found = chain.distances(range(601), [0, 600])
    np.testing.assert_array_equal(found, np.stack([np.arange(601), 600 - np.arange(601)], axis=1))


def test_ancestors_include_the_node_and_survive_a_cycle():
    hierarchy = Hierarchy(PARENTS)
    above = hierarchy.ancestors(["dog", "rock"]).toarray()
    named = [{n for n, is_above in zip(hierarchy.nodes, row, strict=True) if is_above} for row in above]
    assert named == [{"dog", "canine", "pet", "animal"}, {"rock"}]
    assert Hierarchy({"a": ("b",), "b": ("a",)}).ancestors(["a"]).toarray().all()


def test_labels_may_be_numbers_and_an_unknown_one_is_named():
    assert Hierarchy({"1": ("2",)}).distances([1], [2]).item() == 1
    with pytest.raises(InputError, match="unicorn"):
        Hierarchy(PARENTS).rows(["dog", "unicorn"])
